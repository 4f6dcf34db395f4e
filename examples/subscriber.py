"""Every rejected phish, once, also across restarts: `python examples/subscriber.py`."""

import asyncio

from apps.subscriber.subscription import subscribe


async def main() -> None:
    """Print each until the program is stopped."""
    async for verdict in subscribe(group="abuse-desk", action="reject", class_="phish"):
        print(verdict.id, verdict.from_domain, [signal.name for signal in verdict.signals[:3]])


asyncio.run(main())
