import pytest
from prometheus_client import CollectorRegistry

from apps.hook.policyd.counters import CountersError
from apps.hook.policyd.limiting import Limiting
from apps.hook.policyd.memory_counters import MemoryCounters
from apps.hook.policyd.protocol import Request
from apps.hook.submission import Listener
from apps.hook.tenants import Tenants
from detectors.policy_file import read_policy
from streams.hook_sections import HookSection
from streams.keys import Keys

KEYS = Keys(hash_key=b"h" * 32, hash_key_id="t", token_key=b"k" * 32, token_salt=7)
DUNNO = b"action=DUNNO\n\n"
OUT = Listener(direction="outbound")
RCPT = Request(
    state="RCPT",
    instance="1",
    sender="ann@x.example",
    recipient="b@y.example",
    user="ann",
    client="192.0.2.1",
)


def limit(counts, over=0, **others):
    said = {"name": counts, "counts": counts, "reason": "Too much", **others}
    lines = "".join(f"{key} = {value!r}\n" for key, value in said.items())
    return f"[[limits]]\nover = {over}\nminutes = 60\n{lines}"


class Asked:
    """A policy service and its metrics, asked one request after another."""

    def __init__(self, policy, counters=None, **section):
        counters = MemoryCounters() if counters is None else counters
        self.registry = CollectorRegistry()
        policies = read_policy(policy)
        tenants = Tenants(HookSection(**section))
        self._limiting = Limiting(tenants, KEYS, lambda: policies, counters, self.registry)

    async def __call__(self, listener=None, **changes):
        return await self._limiting.answer(RCPT._replace(**changes), listener or Listener())

    def outcomes(self, outcome):
        return self.registry.get_sample_value("weir_policyd_requests_total", {"outcome": outcome})


async def test_without_limits_the_answer_is_dunno():
    assert await Asked("")() == DUNNO


async def test_over_a_limit_a_message_is_deferred_with_the_policys_reason():
    ask = Asked(limit("messages", 1))
    assert await ask(instance="1") == DUNNO
    assert await ask(instance="2") == b"action=DEFER_IF_PERMIT 4.7.1 Too much\n\n"
    assert await ask(instance="3", user="bob") == DUNNO
    assert ask.outcomes("defer") == 1
    over = {"limit": "messages", "mode": "live"}
    assert ask.registry.get_sample_value("weir_policyd_over_total", over) == 1


@pytest.mark.parametrize("limited", [{"by": "user"}, {"by": "client"}])
async def test_nobody_has_a_counter_more_for_each_tenant_whose_sender_they_say_they_are(limited):
    ask = Asked(limit("messages", 1, **limited), tenants=("a.example=a", "b.example=b"))
    assert await ask(OUT, instance="1", sender="ann@a.example") == DUNNO
    for number, sender in enumerate(("ann@a.example", "ann@b.example", "ann@x.example", "")):
        assert await ask(OUT, instance=f"i{number}", sender=sender) != DUNNO


async def test_a_limit_may_hold():
    ask = Asked(limit("messages", action="hold"))
    assert await ask() == b"action=HOLD Too much\n\n"


async def test_deferral_comes_before_holding():
    ask = Asked(limit("messages", action="hold") + limit("recipients"))
    assert await ask() == b"action=DEFER_IF_PERMIT 4.7.1 Too much\n\n"


@pytest.mark.parametrize("state", ["CONNECT", "EHLO", "MAIL", "DATA", "VRFY", "ETRN", ""])
async def test_other_stages_and_requests_without_instance_are_dunno(state):
    assert await Asked(limit("messages"))(state=state) == DUNNO
    assert await Asked(limit("messages"))(instance="") == DUNNO


async def test_only_outbound_mail_is_limited():
    policy = limit("messages", by="client")
    assert await Asked(policy)(user="") == DUNNO
    assert await Asked(policy)(user="", listener=OUT) != DUNNO
    assert await Asked(policy, own_networks=("192.0.2.0/24",))(user="") != DUNNO
    assert await Asked(policy)(listener=Listener(direction="inbound")) == DUNNO


async def test_a_client_without_an_address_has_no_limit_by_client():
    assert await Asked(limit("messages", by="client"))(client="unknown") == DUNNO


async def test_networks_are_24_and_48_bits():
    ask = Asked(limit("networks", 2))
    for n, client in enumerate(("192.0.2.1", "192.0.2.200", "2001:db8:1::1", "2001:db8:1:9::1")):
        assert await ask(instance=str(n), client=client) == DUNNO
    assert await ask(instance="x", client="198.51.100.1") != DUNNO


async def test_bounces_that_come_in_limit_their_receiver():
    ask = Asked(limit("bounces", 1))
    for n in range(2):
        assert await ask(instance=f"o{n}") == DUNNO
    for n in range(2):
        bounce = {"user": "", "sender": "", "null_sender": True, "recipient": "Ann@x.example"}
        assert await ask(instance=f"b{n}", client="203.0.113.9", **bounce) == DUNNO
    assert await ask(instance="p", sender="carl@x.example") == DUNNO
    assert await ask(instance="q") != DUNNO


async def test_case_makes_no_other_user_and_no_new_recipient():
    ask = Asked(limit("new_recipients", 1) + limit("messages", 2))
    assert await ask(instance="1") == DUNNO
    assert await ask(instance="2", user="Ann", recipient="B@Y.example") == DUNNO
    assert await ask(instance="3", user="ANN") != DUNNO


async def test_in_shadow_limits_are_counted_and_not_enforced():
    for policy in (limit("messages", mode="shadow"), "shadow = true\n" + limit("messages")):
        ask = Asked(policy)
        for n in range(3):
            assert await ask(instance=str(n)) == DUNNO
        (over,) = (
            sample.value
            for metric in ask.registry.collect()
            for sample in metric.samples
            if sample.name == "weir_policyd_over_total"
        )
        assert over == 3


async def test_a_draft_is_not_even_counted():
    ask = Asked(limit("messages", mode="draft"))
    assert await ask() == DUNNO
    over = {"limit": "messages", "mode": "draft"}
    assert ask.registry.get_sample_value("weir_policyd_over_total", over) is None


async def test_what_a_limit_in_shadow_would_defer_counts_for_the_others():
    ask = Asked(limit("recipients", 0, mode="shadow") + limit("messages", 1))
    assert await ask(instance="1") == DUNNO
    assert await ask(instance="2") != DUNNO


async def test_one_instance_of_two_hosts_is_two_transactions():
    ask = Asked(limit("messages", 1))
    assert await ask(port="1025") == DUNNO
    assert await ask(port="1025") == DUNNO
    assert await ask(port="1026") != DUNNO


async def test_each_tenant_has_limits_and_counters_of_its_own():
    policy = limit("messages", 1) + limit("messages").replace("[[", "[[tenant.strict.")
    ask = Asked(policy, tenants=("x.example=strict",))
    assert await ask() != DUNNO
    assert await ask(sender="ann@z.example") == DUNNO
    assert await ask(listener=Listener(tenant="other"), instance="2") == DUNNO


async def test_counters_that_are_away_or_broken_make_no_difference():
    class Broken(MemoryCounters):
        """Counters that can't be asked."""

        def __init__(self, error):
            super().__init__()
            self._error = error

        async def count(self, *_):
            raise self._error

    for error, outcome in ((CountersError("away"), "unknown"), (KeyError("defect"), "failed")):
        ask = Asked(limit("messages"), Broken(error))
        assert await ask() == DUNNO
        assert ask.outcomes(outcome) == 1


async def test_a_counters_key_holds_no_address_in_clear():
    class Kept(MemoryCounters):
        """Counters that keep what they were asked."""

        asked = ()

        async def count(self, occasion, tallies):
            self.asked = (occasion, tuple(tallies))
            return await super().count(occasion, tallies)

    kept = Kept()
    kinds = ("messages", "recipients", "new_recipients", "networks", "bounces")
    await Asked("".join(limit(kind, 9) for kind in kinds), kept)()
    assert len(kept.asked[1]) == 5
    for name in ("ann", "b@y", "example"):
        assert name not in repr(kept.asked)
