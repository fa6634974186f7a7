"""The columns that several tables have."""

import pyarrow as pa

from maskmatch.storage.schemas.columns import WORD, column

SCHEMA_VERSION = 2
LOGICAL_DATE = "The date of the manifests; that of the folder ds=."
PUBLICATION = column(
    "publication", WORD, "Name of the publication; no two have the same, whatever run, plan or threshold."
)
RUN_ID = column("run_id", WORD, "Airflow run, or command-line run, that published the row.")
SCHEMA_VERSION_COLUMN = column("schema_version", pa.int16(), "Version of this table.")
