"""The fields of a store: what a client is made of, and what *Test* does.

Every process of Airflow imports this: it stays light.
"""

from typing import Any

from maskmatch.settings.fields import Field
from maskmatch.settings.readers import ca_file, endpoint_url, one_of, patterns, s3_address, secret, word

_STYLES = ("auto", "path", "virtual")
_ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse", "cos/kms")
ROLES = ("both", "source", "warehouse")


def _text(**schema: Any) -> dict[str, Any]:
    return {"type": ["string", "null"], **schema}


KEY_FIELDS = (
    Field(name="access_key", read=secret, form="an access key id (SecretId)", is_secret=True),
    Field(name="secret_key", read=secret, form="a secret access key (SecretKey)", is_secret=True),
    Field(
        name="session_token",
        read=secret,
        form="a session token",
        label="Session token",
        help="Of a temporary key.",
        schema=_text(format="password"),
        is_secret=True,
    ),
)
"""The first two are login and password of a connection."""

CLIENT_FIELDS = (
    Field(
        name="endpoint_url",
        read=endpoint_url,
        form="an address such as https://cos.ap-guangzhou.myqcloud.com",
        label="Endpoint",
        help="Empty: Amazon S3. Tencent COS: https://cos.<region>.myqcloud.com, without the bucket.",
        schema=_text(),
        is_secret=True,  # user, path or query of an address may be
    ),
    Field(
        name="region",
        read=word,
        form="the name of a region such as ap-guangzhou",
        label="Region",
        help="Of the bucket, such as ap-guangzhou. Empty: what boto3 finds.",
        schema=_text(),
    ),
    Field(
        name="profile",
        read=word,
        form="the name of an AWS profile",
        label="AWS profile",
        help="In the files of AWS on the workers. Without it and without a key, boto3 looks for one: in the "
        "environment, the default profile, the role of the host.",
        schema=_text(),
    ),
    Field(
        name="addressing_style",
        read=one_of(*_STYLES),
        form=f"one of {', '.join(_STYLES)}",
        label="Addressing",
        help="Where the bucket stands: in the path or, virtual, in the host.",
        schema=_text(
            enum=[None, *_STYLES], values_display={"null": "virtual for COS, else as boto3 chooses"}
        ),
    ),
    Field(
        name="server_side_encryption",
        read=one_of(*_ENCRYPTIONS),
        form=f"one of {', '.join(_ENCRYPTIONS)}",
        label="Server-side encryption",
        help="Said with every write, for a bucket that wants it.",
        schema=_text(enum=[None, *_ENCRYPTIONS], values_display={"null": "not said"}),
    ),
    Field(
        name="sse_kms_key_id",
        read=word,
        form="the id, ARN or alias of a key",
        label="KMS key",
        help="The key that encrypts. Empty: the bucket's own.",
        schema=_text(),
    ),
    Field(
        name="ca_bundle",
        read=ca_file,
        form="the path of a file with CA certificates (PEM)",
        label="CA file",
        help="Path of a file on every worker: the CA of the store's certificate. Empty: the CAs that boto3 "
        "brings.",
        schema=_text(),
    ),
)
TRIAL_FIELDS = (
    Field(
        name="role",
        read=one_of(*ROLES),
        form=f"one of {', '.join(ROLES)}",
        default="both",
        label="Role",
        help="What the connection is used for. A source is only read, by Test, too.",
        schema=_text(enum=list(ROLES), values_display={"both": "both source and warehouse"}),
    ),
    Field(
        name="address",
        read=s3_address,
        form="an address such as s3://bucket/prefix",
        label="Address for Test",
        help="s3://bucket/prefix that Test lists and reads; a run does not need it. Unless the role is "
        "source, Test overwrites one object below it, .maskmatch-test, which stays.",
        schema=_text(),
    ),
)
REACH_FIELDS = (
    Field(
        name="image_buckets",
        read=patterns,
        form="names of buckets, or patterns such as faces-*, parted by blanks",
        default=(),
        label="Other buckets of images",
        help="Buckets that rows may name beside that of the source: names, or patterns such as faces-*, "
        "parted by blanks. Empty: none.",
        schema=_text(),
    ),
    Field(
        name="image_hosts",
        read=patterns,
        form="names of hosts, or patterns such as *.example.com, parted by blanks",
        default=(),
        label="Hosts of images",
        help="Hosts that rows may name by https://: names, or patterns such as *.example.com, parted by "
        "blanks. Empty: none.",
        schema=_text(),
    ),
)
STORE_FIELDS = (*KEY_FIELDS, *CLIENT_FIELDS)
EXTRA_FIELDS = (
    *CLIENT_FIELDS[:2],
    *reversed(TRIAL_FIELDS),
    *REACH_FIELDS,
    KEY_FIELDS[2],
    *CLIENT_FIELDS[2:],
)
"""Those in the extra of a connection, in the order of its form: first what most people enter."""
VARIABLES = {
    "access_key": ("AWS_ACCESS_KEY_ID",),
    "secret_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
    "endpoint_url": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "region": ("AWS_DEFAULT_REGION",),
    "ca_bundle": ("AWS_CA_BUNDLE",),
    "addressing_style": ("MASKMATCH_ADDRESSING_STYLE",),
    "server_side_encryption": ("MASKMATCH_SERVER_SIDE_ENCRYPTION",),
    "sse_kms_key_id": ("MASKMATCH_SSE_KMS_KEY_ID",),
    "image_buckets": ("MASKMATCH_IMAGE_BUCKETS",),
    "image_hosts": ("MASKMATCH_IMAGE_HOSTS",),
}
"""Where the command line finds each field; the first that is set counts. What is not set is left to boto3."""
TABLE_MODE_VARIABLE = "MASKMATCH_TABLE_MODE"
"""Of tables in a folder, for who is no member of the folder's group."""
PLACES = ("source", "warehouse")


def profile_variable(place: str) -> str:
    """Return the variable that names the AWS profile of source or warehouse."""
    return f"MASKMATCH_{place.upper()}_PROFILE"
