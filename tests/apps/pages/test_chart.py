"""Charts say with their places what their numbers say, and escape what they are named by."""

import re
from xml.etree import ElementTree as ET

import pytest

from apps.pages.chart import LINEAR, LOG, LOGIT, Axis, Line, chart, round_ticks, standalone
from apps.pages.flow import flow_chart
from apps.pages.roc import Curve, roc_chart
from detectors.actions import ACTIONS

SVG = "{http://www.w3.org/2000/svg}"
X = Axis("x", 0, 10, [(0, "0"), (10, "10")])
Y = Axis("y", 0, 1, [(0, "0"), (1, "1")])


def paths(svg, kind):
    return [it.get("d") for it in ET.fromstring(svg).iter(f"{SVG}path") if it.get("class") == kind]


def numbers(path):
    return [float(it) for it in re.findall(r"-?[\d.]+", path)]


@pytest.mark.parametrize(
    ("scale", "low", "high", "middle"),
    [(LINEAR, 0, 10, 5), (LOG, 0.01, 100, 1), (LOGIT, 0.001, 0.999, 0.5)],
)
def test_an_axis_places_by_its_scale_and_holds_what_lies_beyond(scale, low, high, middle):
    axis = Axis("", low, high, (), scale)
    assert [axis.share(low), axis.share(high)] == [0, 1]
    assert axis.share(middle) == pytest.approx(0.5)
    assert axis.share(high * 2) == 1


def test_a_line_joins_its_points_and_stairs_keep_a_value_up_to_the_next():
    points = [(0, 0), (5, 1), (10, 0)]
    (line,) = paths(chart("t", X, Y, [Line("a", "blue", points)]), "line blue")
    (stairs,) = paths(chart("t", X, Y, [Line("a", "red", points, shape="stairs")]), "line red")
    assert re.sub(r"[\d. ]", "", line) == "MLL"
    assert re.sub(r"[\d. ]", "", stairs) == "MHVHV"
    left, floor, middle, top = numbers(line)[:4]
    assert left < middle
    assert top < floor
    assert numbers(stairs)[2:4] == [middle, top]


def test_an_area_is_closed_at_the_axis():
    (area,) = paths(
        chart("t", X, Y, [Line("a", "grey", [(0, 1), (5, 1)], shape="area")]), "area grey"
    )
    assert area.endswith("Z")


def test_a_curve_of_a_million_corners_stays_small():
    points = [(at / 100_000, at / 1_000_000) for at in range(1_000_000)]
    assert len(chart("t", X, Y, [Line("a", "blue", points)])) < 200_000


def test_no_chart_says_style_since_a_strict_policy_would_not_let_it_act():
    drawn = chart("t", X, Y, [Line("a", "blue", [(1, 1)], [(0, 1)]), Line("b", "red", [])])
    assert "style" not in drawn
    assert "<style>" in standalone(drawn)


def test_what_a_chart_is_named_by_is_escaped():
    attempt = '"><script>&'
    axis = Axis(attempt, 0, 1, [(0, attempt)])
    lines = [Line(attempt, "blue", [(0, 0)]), Line(attempt, "red", [(1, 1)])]
    moved = {("accept", attempt): 1}
    for svg in (
        chart(attempt, axis, axis, lines),
        roc_chart(attempt, [Curve(attempt, "blue", [(0, 1)])], 5, 5, attempt),
        flow_chart(attempt, (attempt, attempt), ("accept", attempt), moved),
    ):
        root = ET.fromstring(svg)
        assert root.get("aria-label") == attempt
        assert not list(root.iter(f"{SVG}script"))


def test_a_long_legend_takes_more_rows_and_leaves_the_plot_below_them():
    lines = [Line("a name that takes its room", "blue", [(0, 0)]) for _ in range(4)]
    root = ET.fromstring(chart("t", X, Y, lines))
    legend = [float(it.get("y")) for it in root.iter(f"{SVG}text") if it.text == lines[0].name]
    (frame,) = (it for it in root.iter(f"{SVG}rect") if it.get("class") == "frame")
    assert len(set(legend)) > 1
    assert max(legend) < float(frame.get("y"))


@pytest.mark.parametrize("most", [0.3, 1, 7, 20, 999, 123_456])
def test_ticks_are_round_and_few(most):
    ticks = round_ticks(most)
    assert 2 <= len(ticks) <= 11
    assert ticks[-1][0] <= most


def test_a_ribbon_is_as_wide_as_what_it_stands_for():
    moved = {("accept", "reject"): 300, ("reject", "accept"): 100, ("accept", "accept"): 9_000}
    svg = flow_chart("t", ("before", "after"), ACTIONS, moved)
    (harsher,), (milder,) = paths(svg, "ribbon red"), paths(svg, "ribbon blue")
    wide = [abs(numbers(path)[8] - numbers(path)[7]) for path in (harsher, milder)]
    assert wide == pytest.approx([150, 50])
    assert "9,000" not in svg


def test_the_least_flow_can_still_be_seen():
    svg = flow_chart(
        "t", ("a", "b"), ACTIONS, {("accept", "defer"): 1, ("accept", "reject"): 10**7}
    )
    thin = numbers(paths(svg, "ribbon red")[0])
    assert abs(thin[8] - thin[7]) >= 2
    assert "1 from accept to defer" in svg


def test_where_nothing_moves_nothing_is_drawn():
    assert flow_chart("t", ("a", "b"), ACTIONS, {("accept", "accept"): 5}) == ""
