"""Frames: the same ones come out however their bytes were split, and nothing malformed does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.hook.milter.frames import FrameError, Frames, frame

COMMAND = st.binary(min_size=1, max_size=1)


def taken(frames):
    return list(iter(frames.take, None))


@given(
    st.lists(st.tuples(COMMAND, st.binary(max_size=40)), max_size=12),
    st.lists(st.integers(1, 30), max_size=40),
)
def test_frames_come_out_whole_however_they_were_split(said, cuts):
    data = b"".join(frame(*one) for one in said)
    frames, out = Frames(100), []
    for cut in cuts:
        piece, data = data[:cut], data[cut:]
        if piece:
            frames.feed(piece)
        out += taken(frames)
    frames.feed(data)
    assert out + taken(frames) == said
    assert frames.held == 0


def test_a_large_frame_in_single_bytes_is_joined_once():
    frames = Frames(1_000_000)
    for byte in frame(b"B", b"x" * 300_000):
        frames.feed(bytes([byte]))
        if frames.held < 300_005:
            assert frames.take() is None
    assert frames.take() == (b"B", b"x" * 300_000)


def test_a_frame_of_the_largest_size_is_taken():
    frames = Frames(5)
    frames.feed(frame(b"B", b"1234"))
    assert frames.take() == (b"B", b"1234")


@pytest.mark.parametrize("length", [0, 6, 2**31, 2**32 - 1])
def test_a_length_of_zero_or_over_the_cap_is_refused_before_its_bytes_are_there(length):
    frames = Frames(5)
    frames.feed(length.to_bytes(4, "big"))
    with pytest.raises(FrameError, match=f"a frame of {length} bytes; allowed: 1 to 5"):
        frames.take()
