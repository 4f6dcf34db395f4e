"""docs/explaining.md names the record's fields, and the limits of the search, as they are."""

import re
from pathlib import Path

import msgspec

from apps.analysis.story import Story
from detectors.counterfactual import TOGETHER, WIDTH, Alternative, Counterfactual

PAGE = (Path(__file__).parents[3] / "docs" / "explaining.md").read_text("utf-8")
RECORD = PAGE.partition("## The record")[2]


def test_every_field_of_the_record_is_named_and_no_other():
    named = set(re.findall(r"`([a-z_]+)`", RECORD))
    wanted = set()
    for each in (Story, Counterfactual, Alternative):
        wanted |= {field.encode_name for field in msgspec.structs.fields(each)}
    assert wanted <= named


def test_the_limits_of_the_search_are_those_of_the_code():
    assert f"Sets of the {WIDTH} changes" in PAGE
    assert "then pairs, then threes" in PAGE
    assert TOGETHER == 3
