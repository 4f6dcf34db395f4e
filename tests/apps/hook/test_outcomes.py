"""What holds for a message of several tenants for some of whom nobody answered in time."""

import asyncio

import msgspec
import pytest

from streams.hook_sections import HookSection

LETTERS = "abcdefghijklmnopqrst"
TENANTS = tuple(f"{letter}.example=tenant-{letter}" for letter in LETTERS)


class Late:
    """The core, too late for some tenants: what the fallback says in its place is given."""

    def __init__(self, core, *tenants, action="accept"):
        self.policies = core.policies
        self._core = core
        self._tenants = tenants
        self._action = action

    async def __call__(self, envelope, raw, deadline):
        verdict = await self._core(envelope, raw, deadline)
        if envelope.tenant not in self._tenants:
            return verdict
        return msgspec.structs.replace(verdict, kind="fallback", action=self._action)


@pytest.fixture
def told(front, core, mail):
    """Return the outcome for recipients of tenants a and b, with b's verdict too late."""

    async def ask(subject, *late, action="accept", policy=""):
        decide = Late(core(policy), *late, action=action)
        made = front(decide=decide, hook=HookSection(tenants=TENANTS))
        return await made.check(mail(subject, rcpt_to=("x@a.example", "x@b.example")))

    return ask


@pytest.mark.parametrize("action", ["accept", "add_header", "quarantine"])
async def test_who_was_not_answered_for_in_time_accepts_nothing_that_others_refuse(told, action):
    outcome = await told("reject", "tenant-b", action=action)
    assert (outcome.action, outcome.reply.code) == ("defer", 451)
    assert (await told("reject", "tenant-b", action="defer")).reply.code == 451


async def test_a_tenant_that_only_watches_lets_pass_whatever_was_late(told):
    watched = '[tenant."tenant-b"]\nshadow = true\n'
    assert (await told("reject", "tenant-b", policy=watched)).action == "accept"


async def test_what_nobody_refuses_passes_and_what_nobody_was_asked_of_too(told):
    assert (await told("quarantine", "tenant-b")).action == "accept"
    assert (await told("reject", "tenant-a", "tenant-b")).action == "accept"
    assert (await told("reject")).action == "reject"


async def test_one_message_takes_few_places_however_many_tenants_it_goes_to(front, core, mail):
    judges, most, now = core(), 0, 0

    class Counting:
        policies = judges.policies

        async def __call__(self, envelope, raw, deadline):
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1
            return await judges(envelope, raw, deadline)

    made = front(decide=Counting(), hook=HookSection(tenants=TENANTS))
    recipients = tuple(f"x@{letter}.example" for letter in LETTERS)
    outcome = await made.check(mail("reject", rcpt_to=recipients))
    assert (outcome.action, len(outcome.verdicts), most) == ("reject", len(LETTERS), 8)


async def test_at_the_deadline_all_tenants_are_asked_at_once(front, core, mail):
    """Else those at the end would have the fallback's time one after another."""
    judges, asked = core(), 0
    everybody = asyncio.Event()

    class Waiting:
        policies = judges.policies

        async def __call__(self, envelope, raw, deadline):
            nonlocal asked
            asked += 1
            if asked == len(LETTERS):
                everybody.set()
            await everybody.wait()
            return await judges(envelope, raw, deadline)

    made = front(decide=Waiting(), hook=HookSection(tenants=TENANTS, deadline_seconds=0.1))
    recipients = tuple(f"x@{letter}.example" for letter in LETTERS)
    assert (await made.check(mail("reject", rcpt_to=recipients))).action == "reject"
