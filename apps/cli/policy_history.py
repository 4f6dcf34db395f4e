"""`weir policy test` on history: a rule or a policy against verdicts that were recorded."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli.failures import Code

if TYPE_CHECKING:  # heavy: what is asked for decides whether it is needed
    from streams.settings import Settings

__all__ = ["tried"]

_LONGEST = 255  # bytes of a file's name: longer ones can't be looked up


def tried(settings: "Settings", given: str, source: str, *, top: int, as_json: bool) -> int:
    """Tell what a policy file or a rule in CEL would have changed; return the exit code.

    `source` is one of `weir replay`. Raises click.UsageError for a rule with a mistake.
    """
    import msgspec

    from apps.replay.request import Request, WhatIf
    from apps.replay.what_if_command import compare
    from apps.replay.what_if_told import as_text

    asked = WhatIf(policy=Path(given)) if _is_file(given) else WhatIf(rules=(given,))
    sources = (source,) if source else ()
    found = compare(Request(settings, sources, "what-if", what_if=asked), top)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        click.echo("\n".join(as_text(found, top)))
    if found.interrupted:
        return 130
    if found.unread:
        return int(Code.INPUT)
    return int(Code.NO if found.changed else Code.OK)


def _is_file(given: str) -> bool:
    """Say whether a policy file is meant, and not a rule."""
    return given.endswith(".toml") or (len(given) < _LONGEST and Path(given).exists())
