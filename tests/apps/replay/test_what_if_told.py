from click import unstyle

from apps.quality.truths import Truth
from apps.replay.comparing import Comparing
from apps.replay.what_if_told import as_text
from detectors.actions import Override
from tests.apps.replay.test_comparing import _add, _verdict


def _lines(comparing, **given):
    return [
        unstyle(line) for line in as_text(comparing.comparison(("reject from 0.9 on",)), **given)
    ]


def test_what_mail_and_rules_wrote_does_not_reach_the_terminal_as_it_is():
    comparing = Comparing()
    evil = "\x1b[2J\x1b]0;owned\x07\u202eevil"
    _add(
        comparing,
        _verdict(0, from_domain=evil, tenant="a"),
        _verdict(0, "reject", overrides=(Override(f"rule:{evil}", "reject", "r"),), shadow=(evil,)),
    )
    comparing.leave(evil)
    comparing.miss(evil)
    written = "\n".join(as_text(comparing.comparison((evil,))))
    assert "owned" in written
    for control in ("\x1b[2J", "\x1b]", "\x07", "\u202e"):
        assert control not in written


def test_the_matrix_has_what_stayed_and_what_moved():
    comparing = Comparing()
    _add(comparing, _verdict(0), _verdict(0))
    _add(comparing, _verdict(1), _verdict(1, "reject"))
    lines = _lines(comparing)
    at = next(n for n, line in enumerate(lines) if line.startswith("from recorded (rows)"))
    assert lines[at + 1].split() == ["accept", "reject"]
    assert lines[at + 2].split() == ["accept", "1", "1"]
    assert lines[at + 3].split() == ["reject", ".", "."]


def test_effects_are_told_with_their_interval():
    comparing = Comparing()
    for at in range(100):
        after = _verdict(at, "reject" if at < 3 else "accept")
        _add(comparing, _verdict(at), after, Truth(abuse=False, source="analyst"))
    (line,) = [it for it in _lines(comparing) if it.strip().startswith("ham refused  ")]
    assert "0 -> 3 of 100" in line
    assert "0.00 % -> 3.00 %" in line
    assert "%)" in line


def test_a_campaign_is_one_line_with_its_number_and_what_follows_it_is_told():
    comparing = Comparing()
    for at in range(7):
        domain = "campaign.example" if at < 5 else f"other{at}.example"
        _add(
            comparing,
            _verdict(at, from_domain=domain),
            _verdict(at, "reject", from_domain=domain),
        )
    lines = _lines(comparing, top=3)
    assert sum("now refused" in line for line in lines) == 3
    assert sum("and 4 more of this domain alike" in line for line in lines) == 1
    assert not any("more whose action changes" in line for line in lines)


def test_no_more_changes_are_told_than_asked_for_and_the_rest_is_counted():
    comparing = Comparing()
    for at in range(9):
        _add(comparing, _verdict(at), _verdict(at, "reject"))
    lines = _lines(comparing, top=2)
    assert sum(" -> reject" in line and "now refused" in line for line in lines) == 2
    assert "... and 7 more whose action changes" in lines


def test_where_nothing_changes_that_is_all_that_is_told():
    comparing = Comparing()
    _add(comparing, _verdict(0), _verdict(0))
    lines = _lines(comparing)
    assert lines[0] == "what if: reject from 0.9 on"
    assert "1 verdicts, 1 compared" in lines[2]
    assert "  0 with another action (0 harsher, 0 milder), 0 with another score" in lines
    assert not any("rows" in line for line in lines)
