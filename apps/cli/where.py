"""`--where CEL`: a condition over a verdict's fields."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from apps.cli.failures import Code, Failure

if TYPE_CHECKING:
    from apps.subscriber.condition import Condition

__all__ = ["condition", "where"]

_F = TypeVar("_F", bound=Callable[..., Any])


def where(command: _F) -> _F:
    """Add `--where CEL` to a command."""
    return click.option(
        "--where",
        metavar="CEL",
        help="Only verdicts for which this condition holds (docs/subscribing.md has its words).",
    )(command)


def condition(when: str | None) -> "Condition | None":
    """Return the condition, None where none is given; raises Failure with line and column."""
    from apps.subscriber.condition import Condition
    from detectors.rules import ExpressionError

    if not when:
        return None
    try:
        return Condition(when)
    except ExpressionError as error:
        place = f"line {error.line}, column {error.column}"
        raise Failure(f"--where, {place}: {error}", Code.USAGE) from None
