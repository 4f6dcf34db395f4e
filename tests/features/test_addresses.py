import hashlib
import hmac

from features.addresses import hash_address
from features.context import Context

KEYED = Context(hash_key=b"secret", hash_key_id="k7")


def test_the_hash_is_hmac_sha256_cut_to_128_bits_led_by_the_keys_id():
    wanted = hmac.new(b"secret", b"a.b@example.com", hashlib.sha256).hexdigest()[:32]
    assert hash_address("a.b@example.com", KEYED) == f"k7:{wanted}"


def test_case_and_unicode_composition_do_not_matter():
    assert hash_address("J\u00d6RG@Example.com", KEYED) == hash_address(
        "jo\u0308rg@example.com", KEYED
    )


def test_another_key_gives_another_hash():
    other = Context(hash_key=b"other", hash_key_id="k7")
    assert hash_address("a@example.com", other) != hash_address("a@example.com", KEYED)


def test_no_address_has_no_hash_and_broken_text_has_one():
    assert hash_address("", KEYED) == ""
    assert hash_address("\udce4@example.com", KEYED).startswith("k7:")
