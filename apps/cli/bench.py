"""`weir bench`: the figures of docs/benchmarks.md, measured here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import as_json, config, read_settings

__all__ = ["bench"]

_CORPORA = click.option(
    "--corpora",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The unpacked corpora: sa/, modern/, phishing_pot*/, transactional_templates/.",
)
_MAIL = click.option(
    "--mail",
    type=click.Path(exists=True),
    metavar="PATH",
    help="Mail to publish, over and over.  [default: examples/inbound of the checkout]",
)


@click.group()
def bench() -> None:
    """Measure this installation; print a table, or with --json one object.

    docs/benchmarks.md documents every key. A figure is to be read beside the peer that was
    measured in the same run on the same machine: times of different runs don't compare.

    \b
    Examples:
      weir bench core --corpora corpora
      weir bench worker --json > worker.json
      weir bench detection --corpora corpora --json | jq .recall

    \b
    Exit codes: 0 measured, 1 the local stack could not be started, 2 usage or settings.
    """


@bench.command()
@_CORPORA
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Repetitions.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Messages a mix, spread evenly.")
@as_json
@config
def core(config: Path | None, corpora: Path, rounds: int, limit: int | None, as_json: bool) -> None:
    """CPU time from raw bytes to an encoded verdict, by stage, in batches of 32."""
    from apps.bench.verdict_cost import measure_core

    settings = read_settings(config)
    _print(measure_core(settings, corpora, rounds=rounds, limit=limit, say=_say), as_json)


@bench.command()
@_CORPORA
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Messages, spread evenly.")
@as_json
@config
def archive(config: Path | None, corpora: Path, limit: int | None, as_json: bool) -> None:
    """What a verdict costs in the archive: bytes, and CPU time from record to published block."""
    from apps.bench.archive_cost import measure_archive

    settings = read_settings(config)
    _print(measure_archive(settings, corpora, limit=limit, say=_say), as_json)


@bench.command()
@click.option(
    "--messages",
    type=click.IntRange(1000),
    default=6000,
    show_default=True,
    help="Messages published in bulk, to each worker.",
)
@click.option(
    "--seconds",
    type=click.IntRange(3),
    default=20,
    show_default=True,
    help="How long half of saturation is held.",
)
@_MAIL
@as_json
def worker(messages: int, seconds: int, mail: str | None, as_json: bool) -> None:
    """Kafka to Kafka on a local stack: Weir's worker beside a bare Faust pass-through.

    Both run with the default settings, one after the other, on a Kafka and a Redis that are
    started for it and stopped after it.
    """
    from apps.bench.worker_cost import measure_worker

    _print(measure_worker(mail, messages=messages, seconds=seconds, say=_say), as_json)


@bench.command()
@click.option(
    "--messages",
    type=click.IntRange(100),
    default=10_000,
    show_default=True,
    help="Messages over 100 sessions at once.",
)
@click.option(
    "--seconds",
    type=click.IntRange(3),
    default=20,
    show_default=True,
    help="How long half of saturation is held.",
)
@_MAIL
@as_json
def hook(messages: int, seconds: int, mail: str | None, as_json: bool) -> None:
    """What a verdict adds to an SMTP transaction, beside a milter that accepts everything.

    One Postfix, with an entrance for each: no milter, one that accepts all, the hook over Kafka,
    the hook embedded. Then 100 sessions at once, brokers killed in mid-run, and /checkv2 beside
    rspamd with its rules and its Bayes. Needs root, Debian's postfix and rspamd.
    """
    from apps.bench.hook import measure_hook

    _print(measure_hook(mail, messages=messages, seconds=seconds, say=_say), as_json)


@bench.command()
@click.option(
    "--messages",
    type=click.IntRange(10_000),
    default=200_000,
    show_default=True,
    help="Length of the stream; a soak takes a million.",
)
@_MAIL
@as_json
def memory(messages: int, mail: str | None, as_json: bool) -> None:
    """Memory of a worker over a long stream of senders who mostly never come back.

    The mail's bodies are published over and over, under senders, clients and recipients of their
    own. A line every 20,000 messages tells how far it is.
    """
    from apps.bench.memory_use import measure_memory

    _print(measure_memory(mail, messages=messages, say=_say), as_json)


@bench.command()
@click.option(
    "--messages",
    type=click.IntRange(1_000),
    default=100_000,
    show_default=True,
    help="Length of the stream, three days in its own time.",
)
@click.option(
    "--batch", type=click.IntRange(1, 1024), default=32, show_default=True, help="Messages a batch."
)
@_MAIL
@as_json
def state(messages: int, batch: int, mail: str | None, as_json: bool) -> None:
    """CPU time and bytes that the sender state takes in Redis; no Kafka is needed.

    A Redis is started for it and stopped after it.
    """
    from apps.bench.state_cost import measure_state

    _print(measure_state(mail, messages=messages, batch=batch, say=_say), as_json)


@bench.command()
@_CORPORA
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Messages, the first ones.")
@click.option(
    "--spread",
    type=click.IntRange(1_000),
    default=None,
    metavar="N",
    help="Also N verdicts by one process, two, and Spark (weir[spark]).",
)
@as_json
@config
def replay(
    config: Path | None, corpora: Path, limit: int | None, spread: int | None, as_json: bool
) -> None:
    """CPU time a verdict of each way of replaying: re-live, verify and what-if, on one core."""
    from apps.bench.replay import measure_replay

    settings = read_settings(config)
    found = measure_replay(settings, corpora, limit=limit, say=_say, spread=spread or 0)
    _print(found, as_json)


@bench.command()
@click.option(
    "--verdicts",
    type=click.IntRange(1_000),
    default=1_000_000,
    show_default=True,
    help="Verdicts in the archive.",
)
@_MAIL
@as_json
@config
def sql(config: Path | None, verdicts: int, mail: str | None, as_json: bool) -> None:
    """How long questions to an archive take: a day's aggregate, one message, a domain.

    The archive is made for it, of verdicts on the mail under other ids, times and senders, and is
    deleted after it: about 1 KB a verdict, and a minute for each 200,000.
    """
    from apps.bench.questions import measure_sql

    _print(measure_sql(read_settings(config), mail, verdicts=verdicts, say=_say), as_json)


@bench.command()
@click.option(
    "--cases", type=click.IntRange(4), default=200, show_default=True, help="Campaigns labelled."
)
@click.option(
    "--labels", type=click.IntRange(50), default=1_000, show_default=True, help="Labels in bulk."
)
@click.option(
    "--seconds",
    type=click.IntRange(3),
    default=20,
    show_default=True,
    help="How long a scorer applies 50 steps a second.",
)
@click.option(
    "--corpora",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="The unpacked corpora (sa/): tells also what moves in unrelated mail.",
)
@_MAIL
@as_json
def learning(
    cases: int, labels: int, seconds: int, corpora: Path | None, mail: str | None, as_json: bool
) -> None:
    """From labels to changed actions, on a local stack; what learning steps cost.

    Three people report a campaign, or a trap is hit, beside 100 messages a second; the campaign's
    next copies are published until one gets another action.
    """
    from apps.bench.learning import measure_learning

    found = measure_learning(mail, corpora, cases=cases, labels=labels, seconds=seconds, say=_say)
    _print(found, as_json)


@bench.command()
@click.option(
    "--labels", type=click.IntRange(300), default=1_000, show_default=True, help="Labels in all."
)
@click.option(
    "--rate", type=click.FloatRange(1), default=20.0, show_default=True, help="Labels a second."
)
@click.option(
    "--kills", type=click.IntRange(2, 10), default=10, show_default=True, help="Of the learner."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which labels, which moments.")
@as_json
def faults(labels: int, rate: float, kills: int, seed: int, as_json: bool) -> None:
    """A learner that is killed (SIGKILL) while labels flow, beside one that isn't.

    Redis and Kafka are restarted meanwhile. Each label must be counted and learned once, and both
    must come to the same state; else the exit code is 1.
    """
    from apps.bench.faults import is_exact, measure_faults

    found = measure_faults(labels=labels, rate=rate, kills=kills, seed=seed, say=_say)
    _print(found, as_json)
    if not is_exact(found):
        raise Failure("labels were lost, counted twice, or learned otherwise", Code.NO)


@bench.command()
@_CORPORA
@as_json
def classifier(corpora: Path, as_json: bool) -> None:
    """Cross-validated figures of the classifier alone, by sub-corpus (needs the train extra)."""
    _needs_training()
    from apps.bench.detection import measure_classifier

    _print(measure_classifier(corpora, say=_say), as_json)


@bench.command()
@_CORPORA
@click.option(
    "--write", is_flag=True, help="Make docs/detectors.md and docs/detection.md of the checkout."
)
@as_json
@config
def detection(config: Path | None, corpora: Path, write: bool, as_json: bool) -> None:
    """What signals, classifier and both do with mail they never saw (needs the train extra).

    Thresholds are set on legitimate mail alone, by weights that never saw the message's source.
    Takes a minute or two on an idle machine.
    """
    _needs_training()
    from apps.bench.detection import measure_detection
    from apps.bench.pages import prepared_pages

    try:
        pages = prepared_pages(corpora) if write else None
    except ValueError as error:
        raise Failure(str(error), Code.USAGE) from error
    found = measure_detection(read_settings(config), corpora, say=_say)
    for path in pages.write(found) if pages else ():
        _say(f"{path}: written")
    if as_json or not write:
        _print(found, as_json)


@bench.command()
@_CORPORA
@click.option("--regimes", is_flag=True, help="How labels come, instead: eight regimes.")
@as_json
@config
def online(config: Path | None, corpora: Path, regimes: bool, as_json: bool) -> None:
    """What learns label by label, from nothing, beside other filters on the same stream.

    The stream is the SpamAssassin corpus in order of date; bogofilter and spamprobe are Debian's
    packages. With --regimes labels come late, rarely, as people report, and wrongly, and all three
    are measured in each regime: about 20 minutes.
    """
    settings = read_settings(config)
    if regimes:
        from apps.bench.regimes import measure_regimes

        _print(measure_regimes(settings, corpora, say=_say), as_json)
        return
    from apps.bench.online import measure_online

    _print(measure_online(settings, corpora, say=_say), as_json)


@bench.command()
@_CORPORA
@as_json
@config
def evasion(config: Path | None, corpora: Path, as_json: bool) -> None:
    """Spam that gets by once it is dressed in honest text, beside bogofilter."""
    from apps.bench.evasion import measure_evasion

    _print(measure_evasion(read_settings(config), corpora, say=_say), as_json)


def _needs_training() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("lightgbm", "onnxmltools") if find_spec(name) is None]
    if missing:
        raise Failure(
            f"{', '.join(missing)} not installed; folds are trained here: pip install 'weir[train]'"
            " in the checkout, or `make dev`",
            Code.USAGE,
        )


def _say(line: str) -> None:
    click.echo(line, err=True)


def _print(result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2))
        return
    from apps.bench.table import lines

    for line in lines(result):
        click.echo(line)
