"""Datasets of OpenLineage: the manifests that a task reads, the tables that it replaces.

Only Airflow's provider `openlineage` asks for them, so only then its modules are imported. Names are those of
OpenLineage for S3 and files; partitions by date are no datasets of their own.

Decision: docs/adr/0033-what-a-run-tells.md
"""

from collections.abc import Mapping
from typing import Any

from maskmatch.core.places import s3_place


def lineage(
    *, source: str | None = None, warehouse: str | None = None, rows: Mapping[str, int] | None = None
) -> Any:
    """Return what was read below the source, and written below the warehouse: rows by table."""
    from airflow.providers.common.compat.openlineage.facet import (
        Dataset,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

    from maskmatch.storage.schemas import TABLES

    def written(table: str) -> Any:
        facets: dict[str, Any] = {}
        if table in (rows or {}):
            facets["outputStatistics"] = OutputStatisticsOutputDatasetFacet(rowCount=(rows or {})[table])
        return OutputDataset(*dataset_name(f"{warehouse}/{table}/current"), outputFacets=facets)

    return OperatorLineage(
        inputs=[Dataset(*dataset_name(f"{source}/manifests"))] if source else [],
        outputs=[written(table) for table in TABLES] if warehouse else [],
    )


def dataset_name(address: str) -> tuple[str, str]:
    """Return namespace and name of what lies at s3://bucket/prefix or file:///folder."""
    if address.startswith("s3://"):
        place = s3_place(address)
        return f"s3://{place.bucket}", place.key
    return "file", address.removeprefix("file://")
