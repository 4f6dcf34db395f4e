"""Structured logs on standard error: ids, places and counts, never addresses or content."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from streams.sections import LogSection

__all__ = ["set_up_logs"]

# Faust and aiokafka tell what a service's operator can't act on; their warnings count.
# Our subclasses of their services log under our own names.
_QUIET = ("aiokafka", "faust", "mode", "asyncio", "redis", "streams.app", "streams.transport")


def set_up_logs(section: LogSection, **bound: Any) -> None:
    """Send our events and the libraries' records to standard error, with `bound` in each.

    Libraries write in their own words, so their messages are kept to one line.
    """
    level = logging.getLevelNamesMapping()[section.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _one_line,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if section.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _bind(bound),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _bind(bound: dict[str, Any]) -> Processor:
    def add(_: Any, __: str, event: EventDict) -> EventDict:
        return {**event, **bound}

    return add


def _one_line(_: Any, __: str, event: EventDict) -> EventDict:
    text = event.get("event")
    if isinstance(text, str) and "\n" in text:
        event["event"] = " | ".join(line.strip() for line in text.splitlines() if line.strip())
    return event
