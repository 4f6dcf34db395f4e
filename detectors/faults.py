"""What may be said of a failure: its type and place, never a message's words."""

import traceback
from pathlib import PurePath

__all__ = ["described", "located"]


def located(error: BaseException) -> str:
    """Return an error's type and where it was raised, nothing of what it says.

    Lets through what isn't about a message (KeyboardInterrupt, SystemExit). A panic in a Rust
    library is no Exception, but is about a message: it must not stop the worker on each retry.
    """
    if not isinstance(error, Exception) and type(error).__module__ != "pyo3_runtime":
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {PurePath(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}"


def described(error: BaseException) -> str:
    """Return `located` and what the error says, at most 500 characters: for dead letters only."""
    return f"{located(error)}: {error}"[:500]
