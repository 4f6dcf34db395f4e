"""A moment on the command line: a time ago, or a date."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

__all__ = ["Moment"]

_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONGEST: Final = 36_500  # hours, days or weeks, so that no date overflows


class Moment(click.ParamType):
    """A time ago ("14d", "36h", "2w") or a date in UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return the moment; fails with what is allowed."""
        if isinstance(value, datetime):
            return value
        count, unit = value[:-1], value[-1:]
        if unit in _UNITS and count.isascii() and count.isdecimal() and int(count) <= _LONGEST:
            return datetime.now(UTC) - int(count) * _UNITS[unit]
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}; allowed: a time ago (36h, 14d, 2w) or a date", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
