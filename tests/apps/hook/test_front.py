"""From a message to what is done with it, by the real core behind the front."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from apps.hook import fields
from apps.hook.fields import spam_fields
from apps.hook.outcome import Field, Reply
from apps.hook.submission import Listener, Submission
from features.envelope import Client, Fact, Truncated
from streams.hook_sections import HookSection
from streams.sections import IdentitySection, TopicsSection
from streams.tokens import read_token

KEY = b"k" * 32
TENANTS = HookSection(tenants=("two.example=acme", "three.example=school"))


def values(outcome, name):
    return [field.value.replace("\n", "") for field in outcome.add if field.name == name]


async def test_a_ham_is_accepted_with_marks_and_a_token_that_leads_back(front, mail, core):
    decide = core()
    outcome = await front(decide=decide).check(mail("accept"))
    assert (outcome.action, outcome.reply, outcome.hold) == ("accept", None, "")
    assert values(outcome, "X-Spam-Flag") == ["NO"]
    (status,) = values(outcome, "X-Spam-Status")
    assert status.startswith("No, score=")
    assert status.endswith(" required=5.000")
    (token,) = values(outcome, "X-Weir-Id")
    assert read_token(KEY, token).id == decide.asked[0].id == outcome.verdicts[0].id
    (said,) = values(outcome, "X-Weir-Status")
    assert said.startswith("judged; action=accept; class=")


async def test_the_level_is_a_star_a_point_up_to_fifty_and_none_below_one(front, mail):
    outcome = await front().check(mail("add_header"))
    (score,), (level,) = values(outcome, "X-Spam-Score"), values(outcome, "X-Spam-Level")
    assert level == "*" * int(float(score))
    (verdict,) = outcome.verdicts
    surest, unsuspected = (
        {field.name: field.value for field in spam_fields(replace(verdict, logit=logit))}
        for logit in (90_000_000, -4_500_000)
    )
    assert surest["X-Spam-Level"] == 50 * "*"
    assert "X-Spam-Level" not in unsuspected


async def test_a_rejection_says_the_id_and_where_to_object(front, mail):
    made = front('refusal = "Not here"\nappeal = "https://two.example/why"')
    outcome = await made.check(mail("reject"))
    ident = outcome.verdicts[0].id
    text = f"Not here (id {ident}); to object: https://two.example/why"
    assert outcome.reply == Reply(550, "5.7.1", text)


async def test_what_policy_defers_is_told_to_come_again(front, mail):
    outcome = await front().check(mail("defer"))
    assert outcome.reply[:2] == (451, "4.7.1")
    assert outcome.verdicts[0].id in outcome.reply.text


async def test_a_quarantine_has_a_reason_a_rewritten_subject_its_tag(front, mail):
    held = await front().check(mail("quarantine"))
    assert held.hold.startswith("weir: ")
    assert held.verdicts[0].id in held.hold
    tagged = await front('subject_tag = "[?]"').check(mail("rewrite_subject"))
    assert (tagged.subject, tagged.reply) == ("[?] ", None)


async def test_copies_of_our_own_names_go_and_forged_results_with_them(front, mail):
    ours = IdentitySection(authserv_ids=("mx.two.example",))
    outcome = await front(identity=ours).check(mail())
    assert set(outcome.remove) == {
        *("X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status"),
        *("X-Weir-Id", "X-Weir-Status"),
    }
    assert outcome.authserv_ids == ("mx.two.example",)
    upstream = IdentitySection(authserv_ids=("mx.two.example",), upstream_verifies=True)
    assert (await front(identity=upstream).check(mail())).authserv_ids == ()


async def test_shadow_mode_marks_and_never_acts(front, mail):
    outcome = await front("shadow = true").check(mail("reject"))
    assert (outcome.action, outcome.reply) == ("add_header", None)
    assert values(outcome, "X-Spam-Flag") == ["YES"]
    assert "withheld=reject" in values(outcome, "X-Weir-Status")[0]


async def test_recipients_of_tenants_that_disagree_are_accepted_and_tagged_each(front, mail, core):
    decide = core("[tenant.school]\nshadow = true")
    recipients = ("b@two.example", "hidden@three.example")
    outcome = await front(decide=decide, hook=TENANTS).check(mail("reject", rcpt_to=recipients))
    assert (outcome.action, outcome.reply) == ("add_header", None)
    assert [(one.tenant, one.rcpt_to) for one in decide.asked] == [
        ("acme", ("b@two.example",)),
        ("school", ("hidden@three.example",)),
    ]
    assert len({one.id for one in decide.asked}) == 2
    school, acme = values(outcome, "X-Weir-Status")
    assert "tenant=school; domains=three.example; action=add_header" in school
    assert "tenant=acme; domains=two.example; action=reject" in acme
    tokens = [read_token(KEY, value).id for value in values(outcome, "X-Weir-Id")]
    assert tokens == [verdict.id for verdict in outcome.verdicts]
    assert not any("hidden" in field.value for field in outcome.add)


async def test_tenants_that_agree_on_a_rejection_reject(front, mail):
    recipients = ("b@two.example", "c@three.example")
    outcome = await front(hook=TENANTS).check(mail("reject", rcpt_to=recipients))
    assert (outcome.action, outcome.reply.code) == ("reject", 550)
    passed = await front(hook=TENANTS).check(mail("add_header", rcpt_to=recipients))
    (status,) = values(passed, "X-Weir-Status")
    assert "tenant" not in status
    assert len(values(passed, "X-Weir-Id")) == 2


async def test_each_tenants_text_is_its_own(front, mail):
    made = front('refusal = "All"\n[tenant.acme]\nrefusal = "Acme"', hook=TENANTS)
    assert (await made.check(mail("reject"))).reply.text.startswith("Acme (id ")
    elsewhere = mail("reject", rcpt_to=("x@four.example",))
    assert (await made.check(elsewhere)).reply.text.startswith("All (id ")


async def test_mail_that_we_let_out_tells_nobody_its_score(front, mail):
    outcome = await front().check(mail("accept", user="me@two.example"))
    assert {field.name for field in outcome.add} == {"X-Weir-Status", "X-Weir-Id"}
    marked = await front().check(mail("add_header", user="me@two.example"))
    assert values(marked, "X-Spam-Flag") == ["YES"]


async def test_a_message_over_the_limit_is_judged_cut_and_says_so(front, mail, core):
    decide = core()
    made = front(decide=decide, topics=TopicsSection(message_bytes=65_536))
    raw = mail().raw + b"x" * 70_000
    await made.check(mail(raw=raw))
    assert len(decide.raw[0]) == 65_536
    assert decide.asked[0].truncated.size == len(raw)


async def test_what_the_hook_checked_is_written_and_nothing_else(front, mail, core):
    facts = {
        "spf": Fact("pass", fields.CHECKED_BY_HOOK),
        "spf.domain": Fact("one.example", fields.CHECKED_BY_HOOK),
        "dkim": Fact("pass", fields.CHECKED_BY_HOOK),
        "dkim.domains": Fact("one.example bad;\r\nX-Evil: 1", fields.CHECKED_BY_HOOK),
        "dmarc": Fact("pass", "somebody else"),
    }
    seen = []

    async def look_up(envelope, raw, _deadline):
        seen.append((envelope.mail_from, len(raw), envelope.truncated))
        return facts

    decide = core()
    ours = IdentitySection(authserv_ids=("mx.two.example",))
    made = front(decide=decide, look_up=look_up, identity=ours)
    outcome = await made.check(mail(truncated=Truncated(9_999)))
    assert values(outcome, "Authentication-Results") == [
        "mx.two.example; spf=pass smtp.mailfrom=one.example; dkim=pass header.d=one.example"
    ]
    assert decide.asked[0].facts == facts
    assert seen == [("a@one.example", len(mail().raw), Truncated(9_999))]
    nameless = await front(decide=decide, look_up=look_up).check(mail())
    assert values(nameless, "Authentication-Results") == []


async def test_facts_that_never_come_leave_half_the_time_for_a_verdict(front, mail, core):
    until = {}

    async def look_up(_envelope, _raw, deadline):
        until["facts"] = deadline
        return {}

    decided = core()

    class Decide:
        policies = decided.policies

        async def __call__(self, envelope, raw, deadline):
            until["verdict"] = deadline
            return await decided(envelope, raw, deadline)

    await front(decide=Decide(), look_up=look_up, hook=HookSection(deadline_seconds=1.0)).check(
        mail()
    )
    assert until["verdict"] - until["facts"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("on_failure", "user", "action", "code"),
    [
        ("accept", None, "accept", None),
        ("defer", None, "defer", 451),
        ("defer", "me", "accept", None),
        ("quarantine", None, "quarantine", None),
    ],
)
async def test_a_defect_of_ours_costs_the_verdict_and_nothing_else(
    front, mail, on_failure, user, action, code
):
    class Broken:
        async def __call__(self, *_arguments):
            raise ZeroDivisionError

    made = front(f'on_failure = "{on_failure}"', decide=Broken())
    outcome = await made.check(mail(user=user))
    assert outcome.action == action
    assert (outcome.reply and outcome.reply.code) == code
    assert values(outcome, "X-Weir-Status") == [f"degraded; missing=hook; action={action}"]
    assert outcome.remove
    assert made.registry.get_sample_value("weir_hook_failed_total") == 1
    assert made.running == 0


async def test_in_shadow_a_defect_of_ours_lets_everything_pass(front, mail):
    class Broken:
        async def __call__(self, *_arguments):
            raise ZeroDivisionError

    made = front('on_failure = "quarantine"\nshadow = true', decide=Broken())
    outcome = await made.check(mail())
    assert (outcome.action, outcome.hold) == ("accept", "")


async def test_verdicts_don_t_get_mixed_up_between_messages_at_once(front, mail):
    made = front()
    actions = ["accept", "add_header", "quarantine", "defer", "reject", "discard"] * 30
    outcomes = await asyncio.gather(*(made.check(mail(action)) for action in actions))
    assert [outcome.action for outcome in outcomes] == actions
    assert len({outcome.verdicts[0].id for outcome in outcomes}) == len(actions)
    sample = {"action": "reject", "kind": "judged", "direction": "inbound"}
    assert made.registry.get_sample_value("weir_hook_outcomes_total", sample) == 30


async def test_a_listener_says_whose_and_which_way(front, mail, core):
    decide = core()
    await front(decide=decide).check(mail(listener=Listener("x", "school", "outbound")))
    assert (decide.asked[0].tenant, decide.asked[0].direction) == ("school", "outbound")


async def test_every_line_that_is_added_fits_a_mail_header(front, mail):
    many = HookSection(tenants=tuple(f"d{n}.example=t{n % 2}" for n in range(300)))
    recipients = tuple(f"x@d{n}.example" for n in range(300))
    outcome = await front("[tenant.t1]\nshadow = true", hook=many).check(
        mail("reject", rcpt_to=recipients)
    )
    assert outcome.add
    for field in outcome.add:
        assert isinstance(field, Field)
        assert field.value.isascii()
        lines = f"{field.name}: {field.value}".split("\n")
        assert all(len(line) < 100 for line in lines)
        assert all(line.startswith(" ") for line in lines[1:])


TEXTS = st.text(max_size=40) | st.binary(max_size=40).map(
    lambda value: value.decode("utf-8", "surrogateescape")
)
HOSTILE = st.builds(
    Submission,
    raw=st.binary(max_size=300)
    | st.builds(
        b"From: %b\r\n\r\n%b".__mod__, st.tuples(st.binary(max_size=60), st.binary(max_size=200))
    ),
    client=st.builds(Client, ip=st.none() | TEXTS, helo=st.none() | TEXTS, ptr=st.none() | TEXTS),
    mail_from=st.none() | TEXTS,
    rcpt_to=st.lists(TEXTS, max_size=5).map(tuple),
    user=st.none() | TEXTS,
    queue_id=st.none() | TEXTS,
    tls=st.none() | TEXTS,
)


@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # one that fails is small as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_whatever_a_client_says_it_gets_an_answer_of_its_own(front, core, submissions):
    decide = core()
    made = front(decide=decide, hook=TENANTS)

    async def ask():
        return await asyncio.gather(*(made.check(submission) for submission in submissions))

    outcomes = asyncio.run(ask())
    assert made.registry.get_sample_value("weir_hook_failed_total") == 0
    asked = {envelope.id for envelope in decide.asked}
    told = [verdict.id for outcome in outcomes for verdict in outcome.verdicts]
    assert len(told) == len(set(told))
    assert set(told) == asked
    for field in (field for outcome in outcomes for field in outcome.add):
        assert field.value.replace("\n", "").isprintable()
