from base64 import b64encode

import msgspec
import numpy as np
import pytest

from apps.replay.difference import Difference, differences
from features.vector import SCHEMA

VERDICT = {
    "id": "m",
    "logit": 5,
    "signals": [{"name": "a", "contribution": 1}, {"name": "b", "contribution": 2}],
    "flags": ["x"],
    "degraded": [],
}


def told(**changes):
    after = {**VERDICT, **changes}
    return differences(msgspec.json.encode(VERDICT), msgspec.json.encode(after))


def test_equal_bytes_differ_nowhere():
    assert told() == ()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"logit": 6}, ("logit", "5", "6")),
        ({"flags": ["x", "y"]}, ("flags", '["x"]', '["x","y"]')),
        ({"new": None}, ("new", "(absent)", "null")),
        (
            {"signals": [VERDICT["signals"][0], {"name": "b", "contribution": 3}]},
            ("signals[b].contribution", "2", "3"),
        ),
        (
            {"signals": VERDICT["signals"][:1]},
            ("signals[b]", '{"name":"b","contribution":2}', "(absent)"),
        ),
        ({"signals": VERDICT["signals"][::-1]}, ("signals (order)", '["a","b"]', '["b","a"]')),
    ],
)
def test_a_field_is_told_by_its_path(changes, wanted):
    assert told(**changes) == (Difference(*wanted),)


def test_numbers_of_the_vector_are_told_by_name():
    vector = np.zeros(len(SCHEMA.names), "<f4")
    before = {"features": {"f32": b64encode(vector).decode()}}
    vector[3] = 2.5
    after = {"features": {"f32": b64encode(vector).decode()}}
    found = differences(msgspec.json.encode(before), msgspec.json.encode(after))
    assert found == (Difference(f"features[{SCHEMA.names[3]}]", "0.0", "2.5"),)


def test_other_bytes_for_the_same_values_are_a_difference_too():
    assert differences(b'{"a":1}', b'{"a": 1}')[0].field == "(how it is written)"


def test_what_is_not_json_differs_as_a_whole():
    assert [it.field for it in differences(b"\xff", b"{}")] == ["(all of it)"]


def test_a_hostile_record_is_told_within_bounds():
    many = msgspec.json.encode({str(at): "x" * 1_000 for at in range(1_000)})
    found = differences(many, b"{}")
    assert len(found) == 40
    assert all(len(it.recorded) <= 200 for it in found)
