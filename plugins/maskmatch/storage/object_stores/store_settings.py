"""What a client of an S3 store is made of."""

from dataclasses import dataclass, field
from typing import Any, Literal

AddressingStyle = Literal["auto", "path", "virtual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where a store is, as whom it is asked, and what it wants of each write.

    What is None is found by boto3: in the environment, the files of AWS, or the role of the host.
    `profile_place` says for messages where the profile was named.
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    profile_place: str = field(default="", compare=False)
    addressing_style: AddressingStyle | None = None
    server_side_encryption: str | None = None
    sse_kms_key_id: str | None = None
    ca_bundle: str | None = None

    def of_each_write(self) -> dict[str, Any]:
        """Return what a PUT must say besides, in the words of boto3."""
        said = {
            "ServerSideEncryption": self.server_side_encryption,
            "SSEKMSKeyId": self.sse_kms_key_id,
        }
        return {name: value for name, value in said.items() if value}
