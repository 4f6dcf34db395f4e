"""`weir models compare`: two models on labelled traffic, in pairs, with intervals."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings, run
from models.label import SOURCES

if TYPE_CHECKING:
    from apps.models.comparing import Comparison
    from apps.models.labelled_traffic import Traffic
    from models.label import Source
    from streams.settings import Settings

__all__ = ["compare"]

_FIGURES = {
    "ham_held_pct": "legitimate mail held back",
    "spam_held_pct": "abuse held back",
    "one_minus_roca_pct": "1-ROCA",
    "missed_pct_at_0.1%": "abuse missed at 0.1 % of ham",
}


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--source",
    "sources",
    type=click.Choice(SOURCES),
    multiple=True,
    default=("analyst", "trap"),
    show_default="analyst and trap",
    help="Whose labels count; may be given more than once.",
)
@click.option(
    "--since",
    type=click.FloatRange(0, min_open=True),
    default=168.0,
    show_default=True,
    metavar="HOURS",
    help="Take verdicts of the last so many hours.",
)
@click.option(
    "--top",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="Print so many disagreements, the widest first; --json has all.",
)
@click.option("--tenant", default="default", metavar="NAME", help="Whose mail and labels.")
@as_json
@config
def compare(
    config: Path | None,
    first: str,
    second: str,
    sources: "tuple[Source, ...]",
    since: float,
    top: int,
    tenant: str,
    as_json: bool,
) -> None:
    """Compare two models on the messages that both have scored and somebody has labelled.

    A and B are `live`, or a shadow by its id or version (weir models list). Verdicts carry what
    each shadow would have said, so that both are judged on the same messages at the same time.
    `held back` is quarantined or worse by the thresholds of that verdict; lists and rules have no
    say. Differences are A - B with 95 % intervals: one that contains 0 may be luck.

    Reports of users come only of what the live model let through, and replies only of what it
    delivered: with --source report or reply the figures favour the shadow, or the live model.

    \b
    Examples:
      weir models compare live 3f9a1c27d0b4
      weir models compare live 3f9a1c27d0b4 --since 720 --json | jq .disagreements

    \b
    Exit codes: 0 compared, 1 nothing to compare, or there is no such model, 2 wrong settings,
    4 Kafka could not be reached or a topic is missing.
    """
    from apps.models.comparing import compare as compared

    settings = read_settings(config)
    names, traffic = run(_read(settings, (first, second), sources, since, tenant))
    found = compared(traffic.labelled, *names)
    if not found.ham + found.spam:
        raise Failure(_nothing(names, traffic, since), Code.NO)
    if as_json:
        _print_json(names, traffic, found)
        return
    for line in _lines(names, traffic, found, top):
        click.echo(line)


async def _read(
    settings: "Settings",
    wanted: tuple[str, str],
    sources: "tuple[Source, ...]",
    since: float,
    tenant: str,
) -> "tuple[tuple[str, str], Traffic]":
    from datetime import UTC, datetime, timedelta

    from apps.cli.models_opened import opened
    from apps.cli.progress import bar_from_report
    from apps.models.comparing import LIVE
    from apps.models.labelled_traffic import read_traffic
    from apps.models.rows import find

    async with opened(settings) as (_, _registry, rows):
        found = [None if text == LIVE else find(rows, text) for text in wanted]
    versions = [LIVE if row is None or row.state == "live" else row.version for row in found]
    names = versions[0], versions[1]
    if names[0] == names[1]:
        raise Failure(f"{wanted[0]} and {wanted[1]} are the same model", Code.NO)
    with bar_from_report("reading verdicts", "records") as told:
        traffic = await read_traffic(
            settings,
            sources=sources,
            tenant=tenant,
            since=datetime.now(UTC) - timedelta(hours=since),
            told=told,
        )
    return names, traffic


def _nothing(names: tuple[str, str], traffic: "Traffic", since: float) -> str:
    count = len(traffic.labelled)
    if count:
        return (
            f"{count:,} labelled messages, none of which both {names[0]} and {names[1]} have "
            "scored: a shadow scores what comes after it was published"
        )
    return (
        f"no labelled verdict in the last {since:g} hours ({traffic.unfound:,} labels of other "
        f"messages, {traffic.unresolved:,} by Message-ID or with the message itself): label some "
        "with `weir label`, or take more --source or --since"
    )


def _lines(
    names: tuple[str, str], traffic: "Traffic", found: "Comparison", top: int
) -> Iterator[str]:
    yield f"A {names[0]}"
    yield f"B {names[1]}"
    yield (
        f"on {found.ham:,} legitimate and {found.spam:,} abusive messages that both have scored"
        + (f"; {found.without:,} labelled ones not scored by both" if found.without else "")
        + (f"; {traffic.unfound:,} labels of older or unknown mail" if traffic.unfound else "")
    )
    yield ""
    yield f"{'':30}{'A':>9}{'B':>9}{'A - B':>10}   95 %"
    for key, words in _FIGURES.items():
        if key not in found.differences:
            continue
        one, other = (_figure(found, key, at) for at in (0, 1))
        d = found.differences[key]
        luck = "" if d["low"] > 0 or d["high"] < 0 else "  may be luck"
        yield (
            f"{words:30}{_percent(one):>9}{_percent(other):>9}{_signed(d['difference']):>10}   "
            f"{_signed(d['low'])} to {_signed(d['high'])}{luck}"
        )
    if found.lacking:
        yield f"No figures of ranking: there is no {found.lacking} message among them."
    yield ""
    if not found.disagreements:
        yield "Both hold back the same messages."
        return
    count = len(found.disagreements)
    yield f"{count:,} message{'s' * (count != 1)} that one holds back and the other doesn't:"
    for each in found.disagreements[:top]:
        yield (
            f"  {each.id}  {each.truth:8}  A {each.scores[0]:.3f} {each.actions[0]:11}  "
            f"B {each.scores[1]:.3f} {each.actions[1]}"
        )
    if count > top:
        yield f"  ... and {count - top:,} more (--top, --json)"


def _figure(found: "Comparison", key: str, at: int) -> float | None:
    side = found.sides[at]
    if key == "ham_held_pct":
        return 100 * side.ham_held / found.ham if found.ham else None
    if key == "spam_held_pct":
        return 100 * side.spam_held / found.spam if found.spam else None
    value: float | None = found.ranking[at][key]
    return value


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} %"


def _signed(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.2f}"


def _print_json(names: tuple[str, str], traffic: "Traffic", found: "Comparison") -> None:
    import orjson

    def side(at: int) -> dict[str, Any]:
        return {"model": names[at], **found.sides[at]._asdict(), **found.ranking[at]}

    said = {
        "a": side(0),
        "b": side(1),
        "ham": found.ham,
        "spam": found.spam,
        "differences": found.differences,
        "disagreements": [each._asdict() for each in found.disagreements],
        "not_scored_by_both": found.without,
        "labels_not_found": traffic.unfound,
        "labels_not_resolved": traffic.unresolved,
    }
    click.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2))
