"""Put the objects that `weir bench NAME --json` printed into docs/benchmarks.md as tables.

python benchmarks/figures.py core.json worker.json state.json memory.json classifier.json ...

Replaces what stands below the heading "Figures"; a benchmark that isn't given is left out.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
HEADING = "## Figures\n"


def main() -> None:
    """Read the objects and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--remark", default="", help="a sentence on the conditions of the run")
    given = parser.parse_args()
    found = [json.loads(path.read_text()) for path in given.results]
    head = PAGE.read_text().partition(HEADING)[0]
    parts = [line for result in found for line in (*SECTIONS[result["benchmark"]](result), "")]
    machine = found[0]["machine"]
    measured = (
        f"Measured on {machine['cores']} cores of an {machine['cpu']}, Python {machine['python']}, "
        f"Weir {machine['weir']}. {given.remark}".rstrip()
    )
    PAGE.write_text("\n".join([head + HEADING, measured, "", *parts]).rstrip() + "\n")


def core(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the core's CPU time by mix and stage, without and with all, and the peers'."""
    mixes = result["mixes"]
    sides = ("without", "with_all")
    stages = list(next(iter(mixes.values()))["with_all"]["stages_us"])
    yield f"### From bytes to verdict: CPU us a message, batches of {result['batch']}\n"
    yield from table(
        ["mix", "models, state", "all", *stages],
        [
            [
                name,
                side.replace("_", " "),
                mix[side]["cpu_us"],
                *(mix[side]["stages_us"].get(stage, "") for stage in stages),
            ]
            for name, mix in mixes.items()
            for side in sides
        ],
    )
    yield ""
    peers = list(next(iter(mixes.values()))["peers_us"])
    yield from table(
        [
            *("mix", "messages", "mean bytes", *peers),
            *(f"{side.replace('_', ' ')} to {peer}" for peer in peers for side in sides),
        ],
        [
            [
                *(name, mix["messages"], mix["mean_bytes"], *mix["peers_us"].values()),
                *(mix[side]["ratio_to_peers"][peer] for peer in peers for side in sides),
            ]
            for name, mix in mixes.items()
        ],
    )


def worker(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the contenders' figures and their ratios."""
    yield f"### Kafka to Kafka: messages of {result['mail']['mean_bytes']:,} bytes\n"
    columns = [
        *("cpu_ms", "redis_cpu_ms", "broker_cpu_ms", "generator_cpu_ms", "rate", "cores_used"),
        *("half_rate", "half_rate_cpu_ms", "p50_ms", "p99_ms"),
    ]
    rows = {
        **result["workers"],
        "weir to pass_through": result["ratio_to_pass_through"],
        "two_weirs to weir": {
            "cpu_ms": result["two_workers_cpu_ratio"],
            "rate": result["two_workers_rate_ratio"],
        },
    }
    yield from table(
        ["worker", *columns],
        [[name, *(row.get(column, "") for column in columns)] for name, row in rows.items()],
    )


def state(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the sender state costs by message, and what it keeps by kind."""
    yield (
        f"### Sender state: {result['messages']:,} messages in batches of {result['batch']}, "
        f"{result['used_memory_mib']:,} MiB in Redis at the end\n"
    )
    sizes = ("bytes_a_full_entity", "bytes_a_sighting")
    yield from table(
        [*(f"CPU us, {name}" for name in result["cpu_us"]), *sizes],
        [[*result["cpu_us"].values(), *(result[size] for size in sizes)]],
    )
    yield ""
    columns = list(next(iter(result["kinds"].values())))
    yield from table(
        ["kind", *columns],
        [[name, *(row[column] for column in columns)] for name, row in result["kinds"].items()],
    )


def memory(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield a worker's memory over a long stream."""
    yield f"### A worker's memory over {result['messages']:,} messages\n"
    columns = ["most_mib", "first_half_mib", "second_half_mib"]
    yield from table(columns, [[result[column] for column in columns]])


def classifier(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the classifier's ranking by sub-corpus and its shares by source."""
    yield f"### The classifier alone, {result['folds']}-fold cross-validated\n"
    ranking = {k: v for k, v in result["figures"].items() if "brier" in v}
    columns = ["ham", "spam", "auc", "recall_at_fp_0.1pct", "recall_at_fp_1pct", "brier"]
    yield from table(
        ["sub-corpus", *columns],
        [[name, *(row.get(column) for column in columns)] for name, row in ranking.items()],
    )
    yield ""
    shares = {k: v for k, v in result["figures"].items() if "brier" not in v}
    yield from table(
        ["source", "messages", "p >= 0.5", "p >= 0.99"],
        [
            [name, row.get("ham", row.get("spam")), row["above_tag"], row["above_reject"]]
            for name, row in shares.items()
        ],
    )


def online(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rankings by part of the stream, and the paired comparisons with the peer."""
    yield f"### Learning label by label, from nothing, beside {result['peer']}\n"
    figures = ["one_minus_roca_pct", "missed_pct_at_0.1%", "missed_pct_at_0.04%"]
    figures.append("missed_pct_at_0.01%")
    parts = {"filters": "all", "once_both_seen": "once both seen", "after_2000": "after 2,000"}
    sides = ("as_delivered", "without_received")
    yield from table(
        ["stream", "part", "filter", *figures, "CPU us"],
        [
            [side, named, name, *(row[key] for key in figures), row.get("cpu_us", "")]
            for side in sides
            for part, named in parts.items()
            for name, row in result[side][part].items()
        ],
    )
    yield ""
    tests = {"against_the_peer": "all", "against_the_peer_once_both_seen": "once both seen"}
    columns = ["difference", "low", "high", "p_not_better"]
    yield from table(
        ["stream", "part", "filter less the peer", "figure", *columns],
        [
            [side, named, name, figure, *(row[column] for column in columns)]
            for side in sides
            for part, named in tests.items()
            for name, rows in result[side][part].items()
            for figure, row in rows.items()
        ],
    )


def regimes(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield each filter's figures by regime, and what learning did to the frozen filter."""
    peers = ", ".join(result["peers"].values())
    first = result["stream"]["labelled_first"]
    yield f"### As labels come: after the first {first:,} messages, beside {peers}\n"
    columns = ["one_minus_roca_pct", "missed_pct_at_0.1%", "ham_junked", "spam_delivered_pct"]
    yield from table(
        ["regime", "filter", "labels", "1-ROCA%, whole stream", *columns],
        [
            [
                *(regime, name, row["labels"], row["one_minus_roca_pct"]),
                *(row["later"][column] for column in columns),
            ]
            for regime, filters in result["regimes"].items()
            for name, row in filters.items()
        ],
    )
    yield ""
    tested = ["difference", "low", "high", "p_not_better"]
    yield from table(
        ["less frozen", "filter", "figure", *tested],
        [
            [regime, name, figure, *(row[column] for column in tested)]
            for regime, filters in result["against_frozen"].items()
            for name, rows in filters.items()
            for figure, row in rows.items()
            if figure != "ham_junked"
        ],
    )


def learning(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield how fast labels act, what steps cost, what moves elsewhere and what is left."""
    reaction = result["reaction"]
    yield f"### From labels to changed actions, beside {reaction['beside']}\n"
    columns = ["cases", "changed", "labels_a_case", "p50_s", "p95_s", "most_s"]
    yield from table(
        ["source", *columns],
        [[source, *(reaction[source][c] for c in columns)] for source in ("report", "trap")],
    )
    for part in ("learner", "scorer"):
        yield ""
        yield from table([part, *result[part]], [["", *result[part].values()]])
    for part in ("unrelated", "retraction"):
        rows = {name: row for name, row in result.get(part, {}).items() if isinstance(row, dict)}
        if rows:
            yield ""
            head = [f"{part}, logits", *next(iter(rows.values()))]
            yield from table(head, [[name, *row.values()] for name, row in rows.items()])


def hook(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a verdict adds to a transaction, what many sessions and failures do to it."""
    rate = result["half_rate"]
    yield f"### Verdicts inside SMTP transactions: half load is {rate} messages a second\n"
    columns = ["rate", "half_rate_messages", "half_rate_late", "p50_ms", "p99_ms"]
    yield from table(
        ["milter", *columns, "CPU ms, saturated", "CPU ms, half load"],
        [
            [
                *(name, *(row[c] for c in columns)),
                *(_processes(row[c]) for c in ("cpu_ms", "half_rate_cpu_ms")),
            ]
            for name, row in result["smtp"].items()
        ],
    )
    yield ""
    yield from table(
        ["added to a milter that accepts all", "p50_ms", "p99_ms"],
        [[name, *row.values()] for name, row in result["added"].items()],
    )
    for part in ("together", "brokers_killed"):
        row = result[part] | {"codes": _processes(result[part]["codes"])}
        yield ""
        yield from table([part.replace("_", " "), *row], [["", *row.values()]])
    yield f"\n/checkv2 under the same client, beside rspamd {result['rspamd']}:\n"
    yield from table(
        ["answered by", "messages", "rate", "CPU ms a message", "p50_ms", "p99_ms"],
        [
            [
                *(name, row["answered"], row["rate"], _processes(row["cpu_ms"])),
                *(row["p50_ms"], row["p99_ms"]),
            ]
            for name, row in result["checkv2"].items()
        ],
    )


def _processes(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {text(value)}" for name, value in parts.items()) or "-"


def evasion(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the spam missed by attack and filter."""
    spam = result["later"]["spam"]
    yield f"### Spam in honest text: % missed of {spam:,}, filters frozen\n"
    yield from table(
        ["ham misjudged", "attack", *next(iter(result["missed_pct_at"]["1%"].values()))],
        [
            [f"{rate} ({result['ham_misjudged'][rate]})", attack, *row.values()]
            for rate, rows in result["missed_pct_at"].items()
            for attack, row in rows.items()
        ],
    )


def table(head: list[str], rows: list[list[Any]]) -> Iterator[str]:
    """Yield a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(text(cell) for cell in row)} |"


def text(value: Any) -> str:
    """Return a cell: floats with three decimals below 10, else one."""
    if isinstance(value, float):
        if value.is_integer() and value >= 10:
            return f"{value:,.0f}"
        return f"{value:.3f}" if value < 10 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def archive(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a verdict costs in the archive, by the size of a block."""
    yield (
        f"### Archiving: {result['messages']:,} messages, records of {result['record_bytes']:,} "
        "bytes\n"
    )
    rows = [(f"{int(size):,} verdicts", block) for size, block in result["blocks"].items()]
    rows.append((f"with raw mail of {result['raw_bytes']:,} bytes", result["with_raw"]))
    keys = ("bytes", "bytes_merged", "cpu_ms", "merging_cpu_ms")
    yield from table(
        ["block", "bytes a verdict", "merged", "CPU ms a message", "merging, CPU ms"],
        [[name, *(block[key] for key in keys)] for name, block in rows],
    )


def sql(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield how long questions take, cold and warm, and DuckDB's own reader beside them."""
    yield (
        f"### Questions to {result['verdicts']:,} archived verdicts in {result['files']} files: "
        "seconds\n"
    )
    own = result["own_reader"]
    yield from table(
        ["question", "cold", "warm", "rows", "DuckDB's own reader, warm"],
        [
            [name.replace("_", " "), it["cold"], it["warm"], it["rows"], own.get(name, "")]
            for name, it in result["seconds"].items()
        ],
    )


def replay(result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what each way of replaying costs."""
    yield (
        f"### Replay: {result['messages']:,} messages of the SpamAssassin corpus, mean "
        f"{result['mean_bytes']:,} bytes\n"
    )
    yield from table(
        ["way", "CPU us a verdict", "verdicts a second and core"],
        [
            [name.replace("_", " "), it["cpu_us"], it["per_second_a_core"]]
            for name, it in result["ways"].items()
        ],
    )


SECTIONS = {
    "core": core,
    "worker": worker,
    "state": state,
    "memory": memory,
    "classifier": classifier,
    "online": online,
    "regimes": regimes,
    "learning": learning,
    "evasion": evasion,
    "hook": hook,
    "archive": archive,
    "sql": sql,
    "replay": replay,
}

if __name__ == "__main__":
    main()
