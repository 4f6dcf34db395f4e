"""The topics of a local log: made, and told of."""

from collections.abc import Sequence

from streams.local_log import file
from streams.local_log.log import LocalLog, TopicRow

__all__ = ["TopicRow", "create", "topics"]


def create(folder: str, rows: Sequence[TopicRow]) -> dict[str, str]:
    """Make a log where there is none, and the topics that it lacks; return the epochs of those.

    Raises LogFileError.
    """
    file.make(folder)
    log = LocalLog(folder)
    try:
        created = log.create(rows)
        found = log.topics()
    finally:
        log.close()
    return {name: found[name].epoch for name in created}


def topics(folder: str) -> dict[str, TopicRow]:
    """Return every topic of a log by its name; raises LogFileError."""
    log = LocalLog(folder)
    try:
        return log.topics()
    finally:
        log.close()
