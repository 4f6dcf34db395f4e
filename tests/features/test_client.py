from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from features.client import client_ip, client_network, parse_ip
from features.context import Context
from features.envelope import Client, Envelope
from features.headers import Hop

RELAYS = Context(trusted_relays=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")))


def client(ip, *hops, context=RELAYS):
    envelope = Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC), client=Client(ip=ip))
    return client_ip(envelope, [Hop("mail", hop, "", "") for hop in hops], context)


def test_the_client_is_the_one_of_the_envelope():
    assert client("192.0.2.1", "198.51.100.1") == "192.0.2.1"


def test_behind_our_own_relays_it_is_the_first_hop_outside():
    assert client("10.1.1.1", "10.2.2.2", "2001:db8::1", "198.51.100.1", "203.0.113.1") == (
        "198.51.100.1"
    )


def test_hops_of_others_are_not_believed():
    assert client(None, "198.51.100.1") == ""
    assert client("10.1.1.1") == "10.1.1.1"
    assert client("10.1.1.1", "not an address", "198.51.100.1") == ""


def test_a_content_filter_on_this_host_is_not_the_client():
    """Amavis hands mail back over loopback; a delivery agent hands it on without any client."""
    assert client("127.0.0.1", "198.51.100.1", context=Context()) == "198.51.100.1"

    envelope = Envelope(
        id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC), client=Client(ip="10.1.1.1")
    )
    hops = [Hop("", "", "", "relay"), Hop("mail", "198.51.100.1", "", "relay")]
    assert client_ip(envelope, hops, RELAYS) == "198.51.100.1"


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("IPv6:2001:db8::1", "2001:db8::/48"),
        ("[192.0.2.77]", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/48"),
        ("999.1.1.1", ""),
        ("", ""),
    ],
)
def test_networks_are_24_or_48_bits_wide(text, network):
    assert client_network(text) == network
    assert (parse_ip(text) is None) == (network == "")
