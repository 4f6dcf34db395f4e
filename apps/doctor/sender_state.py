"""The sender state: that it fits the settings, has room, and has lost nothing."""

from collections.abc import Iterator, Mapping

from apps.doctor.finding import Finding, fault, fine, warning
from streams.settings import Settings
from streams.stores.budgets import Budget
from streams.stores.protocol import LayoutError, StoreError, Usage
from streams.stores.redis_store import RedisStore

__all__ = ["look_at_state"]

_FULL = 0.9
_SUBJECT = "sender state"


async def look_at_state(settings: Settings) -> list[Finding]:
    """Return findings about what is kept of senders; none if Redis doesn't answer.

    That it doesn't is another finding's subject.
    """
    store = RedisStore(settings)
    try:
        held, lost = await store.usage(), await store.lost()
    except LayoutError as error:
        return [fault(_SUBJECT, str(error), "set state.shards back, or delete the state's keys")]
    except StoreError:
        return []
    finally:
        await store.close()
    return [*_losses(lost=lost), *_room(held, settings.state.of_kinds())]


def _losses(*, lost: bool) -> Iterator[Finding]:
    if lost:
        yield warning(
            _SUBJECT,
            "increments were lost while Redis didn't answer: senders look newer than they are",
            "count them from the mail log: `weir state rebuild`",
        )


def _room(held: Mapping[str, Usage], budgets: Mapping[str, Budget]) -> Iterator[Finding]:
    full = [name for name, usage in held.items() if usage.entities > _FULL * budgets[name].entities]
    if full:
        yield warning(
            _SUBJECT,
            f"near their budgets: {', '.join(full)}; what was not seen for longest is given up",
            "raise state.entities or state.budgets if Redis has the memory",
        )
    count = sum(usage.entities + usage.sightings for usage in held.values())
    size = sum(usage.bytes for usage in held.values()) / 1e6
    yield fine(_SUBJECT, f"{count:,} entities in {size:.0f} MB")
