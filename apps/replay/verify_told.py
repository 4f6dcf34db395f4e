"""What a verification found, told: as JSON for programs, as lines for people."""

from typing import Any

import msgspec

from apps.cli.rendering import clean
from apps.replay.verify_result import VerifyResult

__all__ = ["as_json", "as_text"]


def as_json(
    found: VerifyResult, *, source: str, seconds: float, rate_of: int, stopped: bool
) -> dict[str, Any]:
    """Return the result as `--json` and `--out` have it; `rate_of` verdicts took the `seconds`."""
    return {
        "mode": "verify",
        "source": source,
        "complete": not stopped,
        "verdicts": found.verdicts,
        "same": {
            "raw": found.raw - found.differing_raw,
            "vector": found.vector - found.differing_vector,
        },
        "differing": {"raw": found.differing_raw, "vector": found.differing_vector},
        "different": msgspec.to_builtins(found.examples),
        "fields": dict(sorted(found.fields.items(), key=lambda it: (-it[1], it[0]))),
        "other_engine": found.other_engine,
        "fallback": found.fallback,
        "untold": {"count": found.untold, "reasons": found.reasons},
        "unread": found.unread,
        "digest": found.digest,
        "recorded_digest": found.recorded,
        "seconds": round(seconds, 3),
        "per_second": round(rate_of / seconds) if seconds else 0,
    }


def as_text(told: dict[str, Any]) -> list[str]:
    """Return what a person reads of a result of `as_json`."""
    same, differing, seconds = told["same"], told["differing"], told["seconds"]
    compared = sum(same.values()) + sum(differing.values())
    spent = f"{seconds:,.1f} s, {told['per_second']:,}/s"
    lines = [
        f"{told['verdicts']:,} verdicts, {compared:,} judged again in {spent}",
        f"  the same   {same['raw']:,} from the mail, {same['vector']:,} from the vector",
        f"  different  {differing['raw']:,} from the mail, {differing['vector']:,} from the vector",
    ]
    if told["other_engine"]:
        lines.append(
            f"  {told['other_engine']:,} are another engine's (release, weights or limits): of "
            "them action and logit count, within 0.001"
        )
    if told["fallback"]:
        lines.append(f"  {told['fallback']:,} are a hook's own, and weren't compared")
    for name, what in (("untold", "couldn't be judged again"), ("unread", "couldn't be read")):
        given = told[name]["reasons"] if name == "untold" else told[name]
        lines += [f"  {count:,} {what}: {clean(reason)}" for reason, count in given.items()]
    if told["fields"]:
        lines.append("fields that differ:")
        lines += [f"  {count:8,}  {clean(field)}" for field, count in told["fields"].items()]
    for example in told["different"]:
        lines.append(f"{clean(example['event'])} ({example['way']})")
        lines += [
            f"  {clean(field)}: {clean(recorded)} was recorded, {clean(now)} found"
            for field, recorded, now in example["differences"]
        ]
    alike = "as recorded" if told["digest"] == told["recorded_digest"] else "not as recorded"
    lines.append(f"digest {told['digest']}, {alike}")
    if not told["complete"]:
        lines.append("stopped before the end: this is what was found until then")
    return lines
