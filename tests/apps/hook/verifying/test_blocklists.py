from ipaddress import ip_address

import pytest

from apps.hook.verifying.blocklists import listings, question

CLIENT = ip_address("203.0.114.7")


def test_octets_and_nibbles_are_asked_in_reverse():
    assert question(CLIENT, "bl.test.") == "7.114.0.203.bl.test"
    name = question(ip_address("2001:db8::2"), "bl.test")
    assert name == "2" + ".0" * 23 + ".8.b.d.0.1.0.0.2.bl.test"


async def test_a_listing_has_its_codes_and_one_that_is_not_there_is_false(zone, resolver):
    zone.records["7.114.0.203.bl.test", "A"] = ["127.0.0.4", "127.0.0.2"]
    zone.txt("other.test", "")
    said = await listings(CLIENT, ("BL.test", "other.test", "bl.test."), resolver)
    assert said == {"bl.test": "127.0.0.2 127.0.0.4", "other.test": False}


async def test_an_ipv6_client_is_asked_for(zone, resolver):
    address = ip_address("2600::1")
    zone.records[question(address, "bl.test"), "A"] = ["127.0.0.2"]
    assert await listings(address, ("bl.test",), resolver) == {"bl.test": "127.0.0.2"}


@pytest.mark.parametrize(
    "codes", [["127.255.255.254"], ["127.255.255.255"], ["198.51.100.9"], ["10.0.0.1", "1.2.3.4"]]
)
async def test_a_refusal_or_a_foreign_address_says_nothing(zone, resolver, codes):
    zone.records["7.114.0.203.bl.test", "A"] = codes
    assert await listings(CLIENT, ("bl.test",), resolver) == {}


async def test_a_list_that_fails_says_nothing_and_takes_nothing_from_the_others(zone, resolver):
    zone.faults["7.114.0.203.bl.test"] = "servfail"
    zone.records["7.114.0.203.ok.test", "A"] = ["127.0.0.2"]
    assert await listings(CLIENT, ("bl.test", "ok.test"), resolver) == {"ok.test": "127.0.0.2"}


@pytest.mark.parametrize("address", ["10.1.2.3", "127.0.0.1", "fe80::1", "192.168.0.9"])
async def test_private_addresses_are_nobody_s_business(zone, resolver, address):
    assert await listings(ip_address(address), ("bl.test",), resolver) == {}
    assert not zone.asked
