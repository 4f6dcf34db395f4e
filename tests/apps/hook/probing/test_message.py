"""The doctor's test message: only who has the keys can write one, and in it nothing can be said."""

import pytest

from apps.hook.probing.message import is_test_message, make_test_message

KEY = b"k" * 32
NOW = 1_800_000_000.5
RAW = make_test_message(KEY, NOW)


@pytest.mark.parametrize(
    "as_told",
    [RAW, RAW.replace(b"\r\n", b"\n"), RAW.replace(b": ", b":")],
    ids=["as written", "by its lines", "without blanks"],
)
def test_it_is_known_however_a_protocol_carries_it(as_told):
    assert is_test_message(KEY, as_told, NOW + 10)


@pytest.mark.parametrize(
    "other",
    [
        RAW + b"Buy now.\r\n",
        RAW.replace(b"anybody", b"a lottery"),
        b"Reply-To: x@one.example\r\n" + RAW,
        RAW.replace(b"\r\n\r\n", b"\r\nCc: x@one.example\r\n\r\n"),
        RAW.replace(b"hook@weir.invalid", b"anna@our.example"),
        RAW.replace(b"v1.18", b"v1.19"),
        make_test_message(b"another key" * 3, NOW),
        b"",
    ],
)
def test_what_says_anything_else_is_mail(other):
    assert not is_test_message(KEY, other, NOW)


def test_it_holds_for_minutes_and_never_without_a_key():
    assert not is_test_message(KEY, RAW, NOW + 400)
    assert not is_test_message(KEY, RAW, NOW - 400)
    assert not is_test_message(b"", make_test_message(b"", NOW), NOW)
