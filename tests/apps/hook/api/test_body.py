"""A message in chunks: what is kept, and what is known of the rest."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from apps.hook.api.body import Body
from features.envelope import Truncated


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 60))
def test_the_beginning_is_kept_and_the_whole_is_hashed(chunks, keep):
    body, whole = Body(keep), b"".join(chunks)
    for chunk in chunks:
        body.feed(chunk)
    assert body.raw == whole[:keep]
    assert body.size == len(whole)
    cut = Truncated(len(whole), sha256(whole).hexdigest()) if len(whole) > keep else None
    assert body.truncated == cut
