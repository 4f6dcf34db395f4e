"""A snapshot gives back the very numbers that went in, or is refused in one line."""

import hashlib
import json
import math
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tokens import SLOTS, Tokens
from models.manifest import ArtifactError
from models.sample import Sample
from models.snapshot import LabelPosition, Snapshot, dump, load
from models.text import TextModel

SCHEMA, LAYOUT = "0123456789ab", "ba9876543210"


def snapshot(**changes):
    states = {
        "text": {"weights": np.arange(7.0), "rate": 0.1, "seen": 3, "kind": "plain"},
        "fusion": {"table": np.array([[1, -2], [3, 4]], np.int32), "bias": -0.0},
    }
    fields = {"schema": SCHEMA, "layout": LAYOUT, "states": states}
    return Snapshot(**(fields | changes))


CONTENT = dump(snapshot())


def read(content):
    return load(content, schema=SCHEMA, layout=LAYOUT)


def refused(content, **bound):
    with pytest.raises(ArtifactError) as error:
        load(content, **({"schema": SCHEMA, "layout": LAYOUT} | bound))
    message = str(error.value)
    assert message.startswith("snapshot: ")
    assert "\n" not in message
    return message


def forged(change_header, arrays=None):
    """Make a snapshot with a header of our own and a digest that fits."""
    start = 45 + int.from_bytes(CONTENT[41:45], "little")
    header = change_header(json.loads(CONTENT[45:start]))
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = len(header).to_bytes(4, "little") + header
    body += CONTENT[start:] if arrays is None else arrays
    return CONTENT[:9] + hashlib.sha256(body).digest() + body


def test_values_types_and_shapes_come_back_to_the_bit():
    states = read(CONTENT).states

    for model, state in snapshot().states.items():
        assert states[model].keys() == state.keys()
        for name, value in state.items():
            found = states[model][name]
            assert type(found) is type(value)
            assert np.asarray(found).tobytes() == np.asarray(value).tobytes()
            assert np.shape(found) == np.shape(value)
    assert math.copysign(1, states["fusion"]["bias"]) == -1


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
@settings(derandomize=True)
def test_every_float_survives_as_a_scalar_and_in_an_array(values):
    state = {"array": np.array(values)} | {str(at): value for at, value in enumerate(values)}

    found = load(dump(snapshot(states={"m": state})), schema=None, layout=None).states["m"]

    assert found["array"].tobytes() == np.array(values).tobytes()
    scalars = [found[str(at)] for at in range(len(values))]
    assert np.array(scalars).tobytes() == np.array(values).tobytes()


def test_where_it_belongs_comes_back_and_names_its_version():
    labels = LabelPosition("epoch-1", 41)
    content = dump(snapshot(name="online", sequence=17, fence=3, labels=labels))
    found = read(content)

    assert (found.sequence, found.fence, found.labels) == (17, 3, labels)
    assert found.version == f"online@{hashlib.sha256(content).hexdigest()[:12]}+17"


def test_equal_states_give_equal_bytes():
    assert dump(snapshot()) == CONTENT
    assert dump(snapshot(sequence=1)) != CONTENT


def test_a_text_model_comes_back_to_the_bit():
    rng = np.random.default_rng(2)
    samples = []
    for _ in range(30):
        parts = [np.unique(rng.integers(0, SLOTS, 50)) for _ in range(3)]
        tokens = Tokens(np.concatenate(parts), tuple(len(part) for part in parts))
        samples.append(Sample(np.zeros(0, np.float32), tokens))
    model, other = TextModel(rate=0.003), TextModel()
    for place, sample in enumerate(samples):
        model.learn(sample, abuse=place % 3 == 0)

    other.restore(read(dump(snapshot(states={"text": model.state()}))).states["text"])

    assert other.predict(samples).tobytes() == model.predict(samples).tobytes()
    for one in (model, other):  # and it goes on learning as the one that never stopped
        one.learn(samples[0], abuse=False)
    assert other.predict(samples).tobytes() == model.predict(samples).tobytes()
    assert other.rate == 0.003


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", np.zeros(3)),
        ("weights", np.zeros(SLOTS, np.float32)),
        ("squares", np.full(SLOTS, np.nan)),
        ("abuse_messages", "many"),
        ("rate", math.inf),
        ("honest", None),
    ],
)
def test_a_text_model_takes_no_other_state_and_stays_what_it_was(name, value):
    model = TextModel()
    state = model.state() | {name: value}

    with pytest.raises(ArtifactError, match=f"snapshot: {name}: "):
        model.restore(state)

    assert model.state()["rate"] == 0.004


def test_another_schema_or_layout_is_refused_and_none_asks_for_any():
    assert "schema '0123456789ab' given, 'ffff' wanted" in refused(CONTENT, schema="ffff")
    assert "token layout 'ba9876543210' given" in refused(CONTENT, layout="ffff")
    assert load(CONTENT, schema=None, layout=None).schema == SCHEMA


@pytest.mark.parametrize("content", [b"", b"WEIRSNAP", b"\x80\x04\x95pickle", b"{}", b"\0" * 99])
def test_foreign_bytes_are_refused(content):
    assert "these bytes are none" in refused(content)


def test_another_format_is_refused():
    assert "format 9 given, 1 wanted" in refused(CONTENT[:8] + b"\x09" + CONTENT[9:])


@given(st.data())
@settings(derandomize=True, max_examples=200, deadline=None)
def test_one_changed_byte_anywhere_is_refused(data):
    place = data.draw(st.integers(0, len(CONTENT) - 1))
    changed = bytearray(CONTENT)
    changed[place] ^= data.draw(st.integers(1, 255))

    refused(bytes(changed))


@given(st.integers(0, len(CONTENT) - 1))
@settings(derandomize=True, deadline=None)
def test_a_file_cut_short_or_with_something_behind_it_is_refused(end):
    refused(CONTENT[:end])
    refused(CONTENT + CONTENT[: end + 1])


@given(st.binary(max_size=200))
@settings(derandomize=True, max_examples=200, deadline=None)
def test_no_header_and_no_arrays_raise_anything_else_even_with_the_right_digest(garbage):
    refused(forged(lambda _: garbage))
    refused(forged(lambda header: header, garbage))


def _with(**changes):
    return lambda header: header | changes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_with(extra=1), "header isn't readable"),
        (_with(arrays=[]), "aren't as long"),
        (_with(arrays=[{"model": "m", "name": "a", "dtype": "|O8", "shape": [1]}]), "no array"),
        (_with(arrays=[{"model": "m", "name": "a", "dtype": "<f8", "shape": [-1]}]), "no array"),
        (
            _with(arrays=[{"model": "m", "name": "a", "dtype": "<f8", "shape": [1 << 40]}]),
            "at most 536870912 read",
        ),
    ],
)
def test_a_header_that_asks_for_what_is_not_kept_is_refused(change, said):
    assert said in refused(forged(change))


def _of_length(length):
    return _with(arrays=[{"model": "m", "name": "a", "dtype": "|u1", "shape": [length]}])


@pytest.mark.parametrize("length", [9, 11])
def test_arrays_of_another_length_than_the_header_says_are_refused(length):
    arrays = zlib.compress(bytes(10))

    assert (
        load(forged(_of_length(10), arrays), schema=None, layout=None).states["m"]["a"].size == 10
    )
    assert "aren't as long" in refused(forged(_of_length(length), arrays))
    assert "aren't as long" in refused(forged(_of_length(10), arrays + b"more"))
    assert "aren't as long" in refused(forged(_of_length(10), arrays[:-1]))


def test_no_more_is_unpacked_than_the_header_asks_for():
    bomb = forged(lambda header: header, zlib.compress(bytes(50_000_000)))
    tracemalloc.start()
    try:
        assert "aren't as long" in refused(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("value", [math.nan, -math.inf, np.array(["text"]), np.array([None])])
def test_what_could_not_be_read_back_is_not_written(value):
    with pytest.raises(ValueError, match=r"snapshot: m\.value: "):
        dump(snapshot(states={"m": {"value": value}}))
