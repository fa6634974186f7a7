"""Whose certificates are trusted: those of certifi, or those that a variable of the environment names."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maskmatch.core.errors import StopRun

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CA_BUNDLE")
"""The first that is set counts: of HTTP clients, then of all that uses TLS, last that of another service."""
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""The names under which OpenSSL looks for certificates in a folder; `openssl rehash` makes them."""
_CLOCK = "check the clock of this host; if it is right, whoever runs the service must renew the certificate"
_OTHER_HOST = "it was made for another host: check the endpoint, and what stands between"
_UNKNOWN = "if a proxy opens TLS, or the service has an authority of its own, name the file of that authority"
_CURES = {9: _CLOCK, 10: _CLOCK, 62: _OTHER_HOST, 64: _OTHER_HOST}
"""By OpenSSL's X509_V_ERR numbers: not yet valid, expired, another host name, another address."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """A file or a folder of trusted certificates, and the variable that names it, if any does."""

    path: str
    variable: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return what checks certificates; raise StopRun when there is nothing to check them by."""
        is_folder = Path(self.path).is_dir()
        try:
            file, folder = (None, self.path) if is_folder else (self.path, None)
            context = ssl.create_default_context(cafile=file, capath=folder)
            holds_any = _is_hashed(self.path) if is_folder else context.cert_store_stats()["x509"]
        except ssl.SSLError as error:
            raise self._useless("it holds no certificate that can be read") from error
        except OSError as error:
            raise self._useless(error.strerror or "it cannot be read") from error
        if not holds_any:
            raise self._useless("it holds no certificate")
        return context

    def refusal(self, address: str, error: ssl.SSLCertVerificationError) -> StopRun:
        """Return what stops a run when a service shows a certificate that is not accepted."""
        problem, cure = error.verify_message.rstrip("."), _CURES.get(error.verify_code, _UNKNOWN)
        return StopRun(
            f"{address}: its certificate is not accepted ({problem}): {cure}. Trusted are those of {self}; "
            f"the first set of {', '.join(VARIABLES)} names others."
        )

    def __str__(self) -> str:
        return f"{self.variable or 'certifi'}={self.path!a}"

    def _useless(self, problem: str) -> StopRun:
        return StopRun(f"{self}: {problem}: name a file of certificates in PEM form, or unset the variable")


def authorities_of(environment: Mapping[str, str], *, otherwise: str) -> Authorities:
    """Return those that the environment names, or else the file of whom everybody trusts."""
    for variable in VARIABLES:
        if path := environment.get(variable):
            return Authorities(path, variable)
    return Authorities(otherwise)


def _is_hashed(folder: str) -> bool:
    return any(_HASHED.fullmatch(path.name) for path in Path(folder).iterdir())
