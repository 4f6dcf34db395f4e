"""Where the local stack keeps things: resources in the checkout, state under `.weir/`."""

import os
from pathlib import Path

from apps.local.errors import StackError

CHECKOUT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """Return the folder for state and downloads: `$WEIR_HOME`, else `.weir` in the checkout."""
    chosen = os.environ.get("WEIR_HOME")
    return Path(chosen).resolve() if chosen else CHECKOUT / ".weir"


def resource(name: str) -> Path:
    """Return a file of `docker/`, for example `local/pom.xml`.

    Raises:
        StackError: Weir was not installed from a checkout, so the file is not there.
    """
    path = CHECKOUT / "docker" / name
    if not path.exists():
        raise StackError(
            f"{path} is missing: the local stack runs from a checkout of Weir "
            "(git clone, then `make run`)"
        )
    return path
