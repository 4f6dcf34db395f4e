"""Weights as the TOML text that detectors.weights reads, with the measurement beside each."""

import json
import re
from collections.abc import Iterable

from detectors.weights import SignalWeight, Threshold, Weights

__all__ = ["own", "shipped"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def shipped(weights: Weights, old: str) -> str:
    """Return the text with other signals and thresholds; what stands before them stays."""
    head, _, _ = old.partition("\n[signals.")
    return "\n".join([head.rstrip("\n"), *_measured(weights)]) + "\n"


def own(weights: Weights, remark: Iterable[str]) -> str:
    """Return signals and thresholds alone, under a remark: the rest is as shipped when read."""
    return "\n".join([*(f"# {line}".rstrip() for line in remark), *_measured(weights)]) + "\n"


def _measured(weights: Weights) -> Iterable[str]:
    for name, signal in weights.signals.items():
        yield from ("", f"[signals.{name}]", *_signal(signal))
    for threshold in weights.thresholds:
        yield from ("", "[[thresholds]]", *_threshold(threshold))


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
