"""Messages that tests sign themselves, with keys made for the run."""

import base64

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

MESSAGE = (
    b"From: Ann <ann@example.com>\r\n"
    b"To: bob@here.test\r\n"
    b"Subject: The minutes of Monday\r\n"
    b"Date: Mon, 16 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"\r\n"
    b"Dear Bob,\r\n\r\nhere  are the minutes.\t\r\n\r\nAnn\r\n"
)


class Signer:
    """A domain with a selector and an RSA key, or Ed25519 (RFC 8463)."""

    def __init__(self, domain: str, selector: str, bits: int = 2_048) -> None:
        self.domain = domain
        self.selector = selector
        key = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
        self.private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, message: bytes = MESSAGE, **options) -> bytes:
        """Return the message with a signature above it."""
        field = dkim.sign(
            message, self.selector.encode(), self.domain.encode(), self.private, **options
        )
        return field + message

    def seal(self, message: bytes, results: bytes = b"spf=pass smtp.mailfrom=example.com") -> bytes:
        """Return the message with an ARC set above it, which says what the sealer had checked."""
        checked = b"Authentication-Results: " + self.domain.encode() + b"; " + results + b"\r\n"
        fields = dkim.arc_sign(
            checked + message,
            self.selector.encode(),
            self.domain.encode(),
            self.private,
            self.domain.encode(),
        )
        return b"".join(fields) + checked + message


class Ed25519Signer(Signer):
    """A signer with an Ed25519 key."""

    def __init__(self, domain: str, selector: str) -> None:
        self.domain = domain
        self.selector = selector
        key = ed25519.Ed25519PrivateKey.generate()
        raw, form = serialization.Encoding.Raw, serialization.PrivateFormat.Raw
        self.private = base64.b64encode(key.private_bytes(raw, form, serialization.NoEncryption()))
        public = key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)
        self.record = f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"

    def sign(self, message: bytes = MESSAGE, **options) -> bytes:
        return super().sign(message, signature_algorithm=b"ed25519-sha256", **options)
