"""Options that many commands share, and how they are read."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from streams.settings import Settings, load

__all__ = ["as_json", "config", "direction", "read_settings", "run", "tenant"]

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


def config(command: _F) -> _F:
    """Add `--config FILE` to a command."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Settings file.  [default: $WEIR_CONFIG, else weir.toml here, if there is one]",
    )(command)


def as_json(command: _F) -> _F:
    """Add `--json` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


def direction(command: _F) -> _F:
    """Add `--direction` to a command."""
    return click.option(
        "--direction",
        type=click.Choice(["inbound", "outbound"]),
        default="inbound",
        show_default=True,
        help="Which way the mail goes.",
    )(command)


def tenant(command: _F) -> _F:
    """Add `--tenant NAME` to a command that judges."""
    return click.option(
        "--tenant", default="default", metavar="NAME", help="Whose policy applies."
    )(command)


def read_settings(path: Path | None) -> Settings:
    """Read the settings in force; raises SettingsError in one line."""
    return load(path, os.environ)


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a command's coroutine to its end; Ctrl-C cancels it, so that clients are closed."""
    # what the client logs before it raises would stand beside the one line that we print
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return asyncio.run(main)
