"""Weights as the TOML text that detectors.weights reads, with the measurement beside each."""

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from detectors.weights import SignalWeight, Threshold, Weights

__all__ = ["own", "shipped"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def shipped(weights: Weights, old: str) -> str:
    """Return the text with other signals and thresholds; other tables, and comments, stay.

    Signals stand where the first one stood, in the weights' order, each under the comment that
    stood above it.
    """
    blocks = _blocks(old)
    remarks = {header: comment for comment, header, _ in blocks if header.startswith("[signals.")}
    first = next((i for i, block in enumerate(blocks) if block.header in remarks), len(blocks))
    kept = [b for b in blocks if b.header not in remarks and b.header != "[[thresholds]]"]
    before = sum(block in kept for block in blocks[:first])
    lines = [line for block in kept[:before] for line in block.lines]
    for name, signal in weights.signals.items():
        header = f"[signals.{name}]"
        lines += [*remarks.get(header, ()), header, *_signal(signal), ""]
    lines += [line for block in kept[before:] for line in block.lines]
    lines += _records(weights)
    return "\n".join(lines).rstrip("\n") + "\n"


class _Block(NamedTuple):
    """A table as written: the comment right above its header, the header, what follows."""

    comment: tuple[str, ...]
    header: str
    body: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self.comment, *([self.header] if self.header else []), *self.body)


def _blocks(text: str) -> list[_Block]:
    """Split TOML at its headers; what stands before the first is a block without one."""
    found: list[tuple[list[str], str, list[str]]] = [([], "", [])]
    for line in text.splitlines():
        if line.startswith("["):
            above = found[-1][2]
            comment: list[str] = []
            while above and above[-1].startswith("#"):
                comment.insert(0, above.pop())
            found.append((comment, line.rstrip(), []))
        else:
            found[-1][2].append(line)
    return [_Block(tuple(comment), header, tuple(body)) for comment, header, body in found]


def own(weights: Weights, remark: Iterable[str]) -> str:
    """Return signals and thresholds alone, under a remark: the rest is as shipped when read."""
    lines = [*(f"# {line}".rstrip() for line in remark), ""]
    for name, signal in weights.signals.items():
        lines += [f"[signals.{name}]", *_signal(signal), ""]
    return "\n".join([*lines, *_records(weights)]).rstrip("\n") + "\n"


def _records(weights: Weights) -> Iterable[str]:
    for threshold in weights.thresholds:
        yield from ("[[thresholds]]", *_threshold(threshold), "")


def _signal(signal: SignalWeight) -> Iterable[str]:
    yield f"weight = {signal.weight}"
    if signal.recall is not None:
        yield f"recall = {_plain(signal.recall)}"
    if signal.fp:
        rates = ", ".join(f"{_key(pool)} = {_plain(rate)}" for pool, rate in signal.fp.items())
        yield f"fp = {{ {rates} }}"
    yield f"measured = {signal.measured.isoformat()}"
    yield f"on = {json.dumps(signal.on, ensure_ascii=False)}"


def _threshold(threshold: Threshold) -> Iterable[str]:
    yield f"share = {_plain(threshold.share)}"
    yield f"sum = {threshold.sum}"
    yield f"low = {threshold.low}"
    yield f"high = {threshold.high}"
    yield f"ham = {threshold.ham}"
    yield f"above = {threshold.above}"


def _key(pool: str) -> str:
    return pool if _BARE.fullmatch(pool) else json.dumps(pool, ensure_ascii=False)


def _plain(share: float) -> str:
    return f"{share:.5f}".rstrip("0").removesuffix(".") or "0"
