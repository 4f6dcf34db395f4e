from ipaddress import ip_address

import pytest

from apps.hook.verifying.spf import Spf, check_spf

CLIENT = ip_address("192.0.2.1")


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "pass"),
        ("v=spf1 ip4:198.51.100.0/24 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1", "neutral"),
        ("v=spf1 a:mail.a.test -all", "pass"),
        ("v=spf1 mx -all", "pass"),
        ("v=spf1 include:ok.test -all", "pass"),
        ("v=spf1 include:nothing.test -all", "permerror"),
        ("v=spf1 redirect=ok.test", "pass"),
        ("v=spf1 exists:%{ir}.%{l1}.list.test -all", "pass"),
        ("v=spf1 exists:%{d9999999}.test%{ -all", "permerror"),
        ("v=spf1 ipv4:192.0.2.1", "permerror"),
        ("v=spf10 all", "none"),
        ("v=spf1 include:a.test -all", "permerror"),  # itself, for ever
        ("v=spf1 " + "a:mail.a.test/32 " * 4 + "include:ok.test", "pass"),
        ("v=spf1 " + " ".join(f"a:no{n}.ok.test" for n in range(11)), "permerror"),
        ("v=spf1 " + "a:198.a.test " * 11 + "-all", "permerror"),  # the eleventh look-up
        ("v=spf1 a:void1.test a:void2.test a:void3.test +all", "permerror"),  # the third void one
        ("v=spf1 a:void1.test a:void2.test +all", "pass"),
        ("v=spf1 ip4:192.0.2.1" + " " * 5_000, "none"),  # longer than is read
        ("v=spf1 a:\u00e9.test -all", "permerror"),
    ],
)
async def test_a_record_is_evaluated(zone, resolver, record, word):
    zone.records["a.test", "MX"] = ["10 mail.a.test."]
    zone.records["mail.a.test", "A"] = ["192.0.2.1"]
    zone.records["198.a.test", "A"] = ["198.51.100.1"]
    zone.records["1.2.0.192.ann.list.test", "A"] = ["127.0.0.2"]
    zone.txt("ok.test", "v=spf1 ip4:192.0.2.1 -all")
    zone.txt("a.test", record.encode().decode("latin-1"))
    assert await check_spf(CLIENT, "ann@a.test", "helo.test", resolver) == Spf(word, "a.test")


async def test_the_null_sender_is_checked_by_helo(zone, resolver):
    zone.txt("mx.b.test", "v=spf1 ip4:192.0.2.1 -all")
    assert await check_spf(CLIENT, "", "mx.b.test", resolver) == Spf("pass", "mx.b.test")


async def test_an_ipv6_client_is_checked(zone, resolver):
    zone.txt("a.test", "v=spf1 ip6:2001:db8::/32 -all")
    address = ip_address("2001:db8::1")
    assert (await check_spf(address, "ann@a.test", "", resolver)).result == "pass"


async def test_a_domain_in_its_own_letters_is_asked_for_in_those_of_the_dns(zone, resolver):
    zone.txt("xn--bcher-kva.test", "v=spf1 ip4:192.0.2.1 -all")
    said = await check_spf(CLIENT, "ann@b\u00fccher.test", "", resolver)
    assert said == Spf("pass", "xn--bcher-kva.test")


@pytest.mark.parametrize(
    "sender", ["ann", "ann@", "@", "a@localhost", "a@" + "b." * 200, "\\xe9@a"]
)
async def test_a_sender_without_a_domain_has_no_result(resolver, sender):
    assert (await check_spf(CLIENT, sender, "", resolver)).result == "none"


async def test_a_server_that_fails_is_a_temporary_error(zone, resolver):
    zone.txt("a.test", "v=spf1 include:b.test -all")
    zone.faults["b.test"] = "servfail"
    assert (await check_spf(CLIENT, "ann@a.test", "", resolver)).result == "temperror"
    zone.faults["c.test"] = "servfail"
    assert (await check_spf(CLIENT, "ann@c.test", "", resolver)).result == "temperror"


async def test_two_records_are_an_error(zone, resolver):
    zone.txt("a.test", "v=spf1 +all", "v=spf1 -all")
    assert (await check_spf(CLIENT, "ann@a.test", "", resolver)).result == "permerror"


async def test_one_message_asks_a_bounded_number_of_questions(zone, resolver):
    for mail in range(10):
        zone.records[f"mx{mail}.test", "MX"] = [f"{n} h{n}.mx{mail}.test." for n in range(10)]
        for host in range(10):
            zone.records[f"h{host}.mx{mail}.test", "A"] = ["198.51.100.1"]
    zone.txt("a.test", "v=spf1 " + " ".join(f"mx:mx{n}.test" for n in range(10)) + " -all")
    assert (await check_spf(CLIENT, "ann@a.test", "", resolver)).result == "permerror"
    assert zone.asked.total() <= 75
