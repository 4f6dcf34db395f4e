"""Addresses of the hook's faces: what settings may say, and one line for what they may not."""

import pytest

from apps.hook.addresses import parse_address, parse_addresses
from apps.hook.submission import Listener
from streams.settings import SettingsError


def test_a_unix_socket_is_for_its_owner_and_group_unless_said_otherwise():
    address = parse_address("unix:/run/weir/milter.sock", "milter.listen")
    assert (address.path, address.mode, address.group) == ("/run/weir/milter.sock", 0o660, None)
    assert address.listener == Listener("unix:/run/weir/milter.sock", "", "auto")


def test_all_options_are_read_in_any_order():
    address = parse_address(
        "unix:/run/m mode=0666 direction=outbound group=postfix tenant=acme-1", "milter.listen"
    )
    assert (address.mode, address.group) == (0o666, "postfix")
    assert address.listener == Listener("unix:/run/m", "acme-1", "outbound")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("inet:127.0.0.1:8891", "127.0.0.1", 8891),
        ("inet:[::1]:8891", "::1", 8891),
        ("inet:mail.example.org:0", "mail.example.org", 0),
        ("inet:localhost:65535 tenant=a", "localhost", 65535),
    ],
)
def test_host_and_port_are_told_apart(text, host, port):
    address = parse_address(text, "milter.listen")
    assert (address.path, address.host, address.port) == (None, host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "unix:",
        "/run/milter.sock",
        "local:/run/milter.sock",
        "inet:8891",
        "inet::8891",
        "inet:localhost:",
        "inet:localhost:http",
        "inet:localhost:65536",
        "inet:localhost:-1",
        "inet:localhost:٣",
        "inet:::1:8891",
        "inet:localhost:8891 mode=660",
        "unix:/run/m mode=8",
        "unix:/run/m mode=999",
        "unix:/run/m mode=7777",
        "unix:/run/m tenant=ACME",
        "unix:/run/m tenant=",
        "unix:/run/m tenant=-x",
        "unix:/run/m tenant=" + "x" * 65,
        "unix:/run/m direction=up",
        "unix:/run/m speed=fast",
        "unix:/run/m mode=660 mode=666",
        "unix:/" + "x" * 107,
    ],
)
def test_anything_else_is_one_line_that_names_key_and_what_is_allowed(text):
    with pytest.raises(SettingsError, match=r"\Amilter\.listen: .*allowed: ") as caught:
        parse_address(text, "milter.listen")
    assert "\n" not in str(caught.value)


def test_no_address_is_taken_twice():
    with pytest.raises(SettingsError, match="given twice"):
        parse_addresses(("unix:/run/a tenant=x", "unix:/run/a tenant=y"), "api.listen")


def test_two_free_ports_are_two_addresses():
    assert len(parse_addresses(("inet:127.0.0.1:0", "inet:127.0.0.1:0"), "api.listen")) == 2
