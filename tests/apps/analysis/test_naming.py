"""Ids, events, tokens and Message-IDs are told apart by their form."""

import pytest

from apps.analysis.naming import Named, named

ID = "01993f2e-7c1b-7d30-9c41-0b6f0c5e2a11"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (ID, Named(ID)),
        (f"  {ID}\n", Named(ID)),
        (f"{ID}.judged", Named(ID)),
        (f"{ID}.fallback", Named(ID)),
        (f"{ID}.revised.12", Named(ID)),
        (f"{ID}.revised.x", Named(f"{ID}.revised.x")),
        (f"v1.{ID}.5f3a.0.1234.{'0' * 24}", Named(ID)),
        (f"X-Weir-Id: v1.{ID}.-.-.-.{'0' * 24}", Named(ID)),
        ("<a.b@example.org>", Named("", "a.b@example.org")),
        ("a.b@example.org", Named("a.b@example.org", "a.b@example.org")),
    ],
)
def test_a_message_is_named_by(text, wanted):
    assert named(text) == wanted


@pytest.mark.parametrize("text", ["", "  ", "x" * 1000])
def test_what_no_name_is_so_long_is_refused(text):
    with pytest.raises(ValueError, match="characters given"):
        named(text)
