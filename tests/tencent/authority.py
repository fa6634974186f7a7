"""A throw-away authority, which makes certificates for tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Its own certificate is the file `trusted`."""

    def __init__(self, folder: Path, name: str = "throw-away") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._made = 0
        self.trusted = folder / f"{name}.pem"
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self.trusted.write_bytes(self._signed(name, self._key, basic, days=(-30, 30)))

    def certificate(self, host: str = "localhost", *, days: tuple[float, float] = (-1, 1)) -> Path:
        """Return the file of a certificate and its key, valid between these days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._made += 1
        path = self._folder / f"{self._name}-{self._made}.key"
        path.write_bytes(
            private + self._signed(host, key, x509.SubjectAlternativeName([x509.DNSName(host)]), days)
        )
        return path

    def _signed(
        self, name: str, key: ec.EllipticCurvePrivateKey, of: x509.ExtensionType, days: tuple[float, float]
    ) -> bytes:
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(of, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
