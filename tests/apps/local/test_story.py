"""What `weir up` tells: how history changed a verdict, and a listing that stays readable."""

from pathlib import Path

from msgspec.structs import replace

from apps.cli.rendering import Shown
from apps.local.demonstration import Sent, Tally
from apps.local.scenes import BURST
from apps.local.story import Listing, tell
from detectors.record import decode
from detectors.signals import Signal

GOLDEN = Path(__file__).parents[2] / "detectors" / "golden" / "verdict.json"
VERDICT = decode(GOLDEN.read_bytes())
QUIET = replace(VERDICT, signals=(), bias=-2_000_000, logit=-2_000_000, score=0.119203)


def _with_history(group, contribution, reason):
    signal = Signal("a_signal", group, contribution, reason, {})
    logit = QUIET.logit + contribution
    score = 0.5 if logit == 0 else 0.017986
    return replace(QUIET, signals=(signal,), logit=logit, score=score)


def test_a_scene_says_the_score_without_history_and_with_it(capsys):
    tell({"lookalike": [_with_history("correspondents", 2_000_000, "It looks like another")]})
    said = capsys.readouterr().out
    assert "a correspondent's lookalike  quarantine   0.119 -> 0.500  (+2.00)" in said
    assert "\n      It looks like another\n" in said
    assert f"weir state inspect spf:{QUIET.from_domain}\n" in said


def test_what_the_message_says_itself_is_in_both_scores(capsys):
    tell({"correspondent": [_with_history("content", -2_000_000, "It is dull")]})
    said = capsys.readouterr().out
    assert "0.018 -> 0.018  (+0.00)" in said
    assert "It is dull" not in said


def test_of_a_burst_the_first_and_the_highest_are_told(capsys):
    last = _with_history("velocity", 2_000_000, "First seen 3 s ago, 50 messages")
    tell({"burst": [QUIET, last, QUIET]})
    said = capsys.readouterr().out
    assert "the first of a burst         quarantine   0.119 -> 0.119  (+0.00)" in said
    assert "later, of 3 in all           quarantine   0.119 -> 0.500  (+2.00)" in said
    assert f"weir state inspect claimed:{QUIET.from_domain}@{QUIET.client_net}\n" in said


def test_a_broken_message_and_no_scene_at_all_are_told_without_a_score(capsys):
    tell({"lookalike": [replace(QUIET, logit=None, score=None)]})
    assert "- -> -" in capsys.readouterr().out
    tell({})
    assert capsys.readouterr().out == ""


def test_the_listing_has_every_message_but_most_of_the_burst(capsys):
    tally = Tally()
    listing = Listing(tally)
    for number in range(BURST):
        tally.sent[f"b{number}"] = Sent("b", "b@example.org", f"offer {number}", 0.0, "burst")
    tally.sent["other"] = Sent("o", "o@example.org", "dinner", 0.0)
    for ident in (*list(tally.sent)[:4], "other", *list(tally.sent)[4:-1]):
        verdict = replace(QUIET, id=ident)
        listing.show(tally.add(verdict, 1.0))
    lines = capsys.readouterr().out.splitlines()
    subjects = [line.rstrip().split("  ")[-1] for line in lines if "example.org" in line]
    assert subjects == ["offer 0", "dinner", *(f"offer {n}" for n in range(BURST - 3, BURST))]
    assert f"  ... and {BURST - 4} more of the same ..." in lines


def test_a_stranger_verdict_is_listed(capsys):
    Listing(Tally()).show(Shown(QUIET, "", "x@example.org", "hello"))
    assert "hello" in capsys.readouterr().out
