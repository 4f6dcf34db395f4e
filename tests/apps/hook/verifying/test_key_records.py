import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.asn1 import INTEGER, SEQUENCE

from apps.hook.verifying.key_records import fetch_key, read_key
from tests.apps.hook.verifying.signers import Ed25519Signer, Signer


def record(numbers, tags=""):
    """A key record of any two numbers, as a bare RSAPublicKey (RFC 8017)."""

    def integer(value):
        octets = value.to_bytes((value.bit_length() + 8) // 8, "big")
        return bytes([INTEGER, 0x82]) + len(octets).to_bytes(2, "big") + octets

    inner = b"".join(map(integer, numbers))
    der = bytes([SEQUENCE, 0x82]) + len(inner).to_bytes(2, "big") + inner
    return f"v=DKIM1; {tags}p={base64.b64encode(der).decode()}".encode()


MODULUS = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).public_key()
MODULUS = MODULUS.public_numbers().n


def test_keys_of_both_kinds_are_read():
    assert read_key(Signer("a.test", "s", 1_024).record.encode()).kind == "rsa"
    assert read_key(Ed25519Signer("a.test", "s").record.encode()).kind == "ed25519"
    assert read_key(record((MODULUS, 65_537))).kind == "rsa"
    assert read_key(record((MODULUS, 65_537)).replace(b"v=DKIM1; ", b"")).kind == "rsa"


def test_the_largest_key_that_is_read():
    key = rsa.generate_private_key(public_exponent=65_537, key_size=4_096).public_key()
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert read_key(b"p=" + base64.b64encode(der)) is not None


@pytest.mark.parametrize(
    "numbers",
    [
        (MODULUS >> 1_025 | 1, 65_537),  # 1,023 bits
        (MODULUS << 2_049 | 1, 65_537),  # 4,097 bits
        (MODULUS, MODULUS >> 1 | 1),  # an exponent that costs as much as signing
        (MODULUS, 1),
        (MODULUS - 1, 65_537),
        (0, 65_537),
    ],
)
def test_a_weak_or_costly_key_is_none(numbers):
    assert read_key(record(numbers)) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"v=DKIM1; p=",  # revoked
        b"v=DKIM2; " + record((MODULUS, 65_537))[9:],
        record((MODULUS, 65_537), "s=tlsrpt; "),
        record((MODULUS, 65_537), "h=sha1; "),
        record((MODULUS, 65_537), "k=dsa; "),
        record((MODULUS, 65_537), "k=ed25519; "),
        record((MODULUS, 65_537), "k=rsa; k=rsa; "),
        b"p=====",
        b"p=" + base64.b64encode(b"\x30" * 500),
        b"p=" + base64.b64encode(b"\x30\xff" + b"\xff" * 127),
        b"p=" + b"A" * 60_000,
        b"\xff\x00;=;p",
    ],
)
def test_what_is_no_key_for_mail_is_none(text):
    assert read_key(text) is None


async def test_a_key_stands_beside_other_records_but_not_beside_another_key(zone, resolver):
    key = record((MODULUS, 65_537)).decode()
    zone.txt("s._domainkey.a.test", "hello", key)
    zone.txt("s._domainkey.b.test", key, key + ";")
    assert (await fetch_key("a.test", "s", resolver)).kind == "rsa"
    assert await fetch_key("b.test", "s", resolver) == "permerror"
    assert await fetch_key("c.test", "s", resolver) == "permerror"
