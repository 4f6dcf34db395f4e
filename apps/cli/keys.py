"""`weir keys`: the installation's secrets, made once and copied to every worker."""

from pathlib import Path

import click

from apps.cli.failures import Code, Failure
from apps.cli.options import config, read_settings

__all__ = ["keys"]


@click.group()
def keys() -> None:
    """Make the file of secrets that keeps addresses out of verdicts."""


@keys.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@config
def create(file: Path | None, config: Path | None) -> None:
    """Write new keys to FILE (default: the setting privacy.keys_file), mode 0600.

    Every worker needs the same file. Back it up: without it, stored hashes of addresses can't be
    matched again. An existing file is never overwritten. `weir up` does this for a local stack.

    \b
    Exit codes: 0 written, 2 the file exists, 3 it can't be written.
    """
    from streams.keys import write_keys

    path = file or Path(read_settings(config).privacy.keys_file)
    try:
        write_keys(path)
    except FileExistsError:
        raise Failure(
            f"{path}: exists, and new keys would orphan every stored hash; "
            "allowed: a file that doesn't exist yet",
            Code.USAGE,
        ) from None
    click.echo(f"Wrote {path}. Copy it to every worker, and back it up.")
