import asyncio

import pytest

from apps.hook.verifying.answers import Answer
from apps.hook.verifying.resolver import Resolver, UnansweredError


async def test_records_of_each_type_are_read(zone, resolver):
    zone.txt("a.test", "one", "x" * 600)
    zone.records["a.test", "A"] = ["192.0.2.1"]
    zone.records["a.test", "AAAA"] = ["2001:db8::1"]
    zone.records["a.test", "MX"] = ["10 Mail.a.test."]
    zone.records["1.2.0.192.in-addr.arpa", "PTR"] = ["a.test."]
    texts = await resolver.look_up("a.test", "TXT")
    assert set(texts.records) == {"one", "x" * 600}
    assert (await resolver.look_up("a.test", "A")).records == ("192.0.2.1",)
    assert (await resolver.look_up("a.test", "AAAA")).records == ("2001:db8::1",)
    assert (await resolver.look_up("a.test", "MX")).records == ("mail.a.test",)
    assert (await resolver.look_up("1.2.0.192.in-addr.arpa", "PTR")).records == ("a.test",)


async def test_no_such_name_differs_from_no_such_record(zone, resolver):
    zone.txt("a.test", "one")
    assert await resolver.look_up("a.test", "A") == Answer((), exists=True)
    assert await resolver.look_up("b.test", "A") == Answer((), exists=False)


async def test_an_answer_is_asked_for_once_while_it_holds(zone, resolver):
    zone.txt("a.test", "one")
    for name in ("a.test", "A.TEST.", "b.test", "b.test"):
        await resolver.look_up(name, "TXT")
    assert zone.asked == {("a.test", "TXT"): 1, ("b.test", "TXT"): 1}


async def test_questions_at_the_same_time_are_one(zone, resolver):
    zone.txt("a.test", "one")
    zone.delays["a.test"] = 0.05
    answers = await asyncio.gather(*(resolver.look_up("a.test", "TXT") for _ in range(50)))
    assert {answer.records for answer in answers} == {("one",)}
    assert zone.asked["a.test", "TXT"] == 1


async def test_a_truncated_answer_is_asked_for_again_over_tcp(zone, resolver):
    zone.txt("a.test", *("y" * 250 for _ in range(1)), *(f"{n}" * 200 for n in range(10)))
    zone.faults["a.test"] = "truncated"
    assert len((await resolver.look_up("a.test", "TXT")).records) == 11
    assert zone.over_tcp == 1


@pytest.mark.parametrize("fault", ["servfail", "refused", "garbage", "other_id", "silent"])
async def test_a_server_that_does_not_answer_properly_leaves_the_question_open(zone, fault):
    resolver = Resolver([zone.server], timeout=0.2, most=10)
    zone.txt("a.test", "one")
    zone.faults["a.test"] = fault
    with pytest.raises(UnansweredError):
        await resolver.look_up("a.test", "TXT")
    await resolver.close()


async def test_a_failure_is_not_asked_for_again_at_once(zone, resolver):
    zone.faults["a.test"] = "servfail"
    for _ in range(3):
        with pytest.raises(UnansweredError):
            await resolver.look_up("a.test", "TXT")
    assert zone.asked["a.test", "TXT"] == 1


async def test_an_answer_that_comes_late_for_its_caller_is_there_for_the_next(zone, resolver):
    zone.txt("a.test", "one")
    zone.delays["a.test"] = 0.1
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(resolver.look_up("a.test", "TXT"), 0.01)
    assert (await resolver.look_up("a.test", "TXT")).records == ("one",)
    assert zone.asked["a.test", "TXT"] == 1


async def test_a_second_server_answers_where_the_first_fails(zone):
    zone.txt("a.test", "one")
    nobody = zone.server._replace(port=1)
    resolver = Resolver([nobody, zone.server], timeout=2.0, most=10)
    assert (await resolver.look_up("a.test", "TXT")).records == ("one",)
    await resolver.close()


async def test_an_answer_with_too_many_or_too_large_records_is_none(zone, resolver):
    zone.records["a.test", "A"] = [f"192.0.2.{n}" for n in range(120)]
    zone.txt("b.test", *(f"{n:03}" + "z" * 250 for n in range(80)))
    for name, kind in (("a.test", "A"), ("b.test", "TXT")):
        with pytest.raises(UnansweredError, match="too large"):
            await resolver.look_up(name, kind)


@pytest.mark.parametrize(
    "name", ["", "a..test", "a" * 64 + ".test", "é.test", ".".join(["a" * 60] * 5), "a.test.."]
)
async def test_what_can_be_no_name_does_not_exist_and_is_not_asked_for(zone, resolver, name):
    assert await resolver.look_up(name, "TXT") == Answer(exists=False)
    assert not zone.asked


async def test_a_backslash_in_a_name_is_a_character_of_it(zone, resolver):
    zone.txt("a.b.test", "escaped")
    assert (await resolver.look_up(r"a\046b.test", "TXT")).records == ()


async def test_questions_beyond_the_bound_fail_at_once(zone, resolver):
    zone.delays |= {f"{n}.test": 0.3 for n in range(501)}
    said = await asyncio.gather(
        *(resolver.look_up(f"{n}.test", "TXT") for n in range(501)), return_exceptions=True
    )
    assert "too many questions" in str(said[500])
