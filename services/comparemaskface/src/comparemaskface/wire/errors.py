"""How a request fails: with a mistake of the vendor's table, told in the caller's language."""

from comparemaskface.wire.vendor_errors import Language, VendorError

__all__ = ["Language", "VendorError", "ServiceError"]


class ServiceError(Exception):
    """Report a mistake to the caller; `details` fill the places in its text."""

    def __init__(self, mistake: VendorError, **details: str | int) -> None:
        super().__init__(mistake.code)
        self.mistake = mistake
        self.details = details

    @property
    def code(self) -> str:
        """Return the vendor's code."""
        return self.mistake.code

    def message(self, language: Language, request_id: str = "") -> str:
        """Return the whole text for the caller; some quote the request's id."""
        return self.mistake.text(language).format(request_id=request_id, **self.details)
