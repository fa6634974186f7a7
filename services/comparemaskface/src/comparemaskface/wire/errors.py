"""How a request fails: with an error of the vendor's table, its text in the caller's language."""

from comparemaskface.wire.vendor_errors import Language, VendorError


class ServiceError(Exception):
    """Report a vendor error to the caller; `details` fill the places in its text."""

    def __init__(self, vendor_error: VendorError, **details: str | int) -> None:
        super().__init__(vendor_error.code)
        self.vendor_error = vendor_error
        self.details = details

    @property
    def code(self) -> str:
        """Return the vendor's code."""
        return self.vendor_error.code

    def message(self, language: Language, request_id: str = "") -> str:
        """Return the whole text for the caller; some quote the request's id."""
        return self.vendor_error.text(language).format(request_id=request_id, **self.details)
