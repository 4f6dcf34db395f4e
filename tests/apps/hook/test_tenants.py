"""Whose a message is, and which way it goes."""

import pytest

from apps.hook.submission import Listener
from apps.hook.tenants import Share, Tenants
from features.envelope import Client
from streams.hook_sections import HookSection
from streams.settings import SettingsError


def tenants(*entries, own=()):
    return Tenants(HookSection(tenants=entries, own_networks=own))


def test_recipients_are_shared_out_by_their_domains_in_order(mail):
    known = tenants("two.example=acme", "three.example=school")
    message = mail(rcpt_to=("b@two.example", "c@THREE.example.", "d@four.example", "e@two.example"))
    assert known.shares(message, "inbound") == (
        Share("acme", ("b@two.example", "e@two.example"), ("two.example",)),
        Share("school", ("c@THREE.example.",), ("three.example",)),
        Share("default", ("d@four.example",)),
    )


def test_a_domain_covers_what_lies_below_it_and_the_longest_counts(mail):
    known = tenants("example.org=all", "lab.example.org=lab")
    message = mail(rcpt_to=("a@x.example.org", "b@y.lab.example.org", "c@badexample.org"))
    assert [share.tenant for share in known.shares(message, "inbound")] == ["all", "lab", "default"]


def test_a_listeners_tenant_answers_for_all_recipients(mail):
    known = tenants("two.example=acme")
    message = mail(rcpt_to=("b@two.example", "c@x.example"), listener=Listener(tenant="school"))
    assert known.shares(message, "inbound") == (Share("school", message.rcpt_to),)


def test_outbound_mail_is_its_users_tenants_whoever_gets_it(mail):
    known = tenants("two.example=acme", "one.example=school")
    message = mail(user="me@one.example", rcpt_to=("b@two.example", "c@x.example"))
    assert known.shares(message, "outbound") == (
        Share("school", message.rcpt_to, ("one.example",)),
    )
    by_sender = mail(user="me", mail_from="me@one.example")
    assert known.shares(by_sender, "outbound")[0].tenant == "school"


def test_a_message_without_recipients_is_the_default_tenants(mail):
    assert tenants("two.example=acme").shares(mail(rcpt_to=()), "inbound") == (
        Share("default", ()),
    )


@pytest.mark.parametrize(
    ("fields", "direction"),
    [
        ({}, "inbound"),
        ({"user": "me"}, "outbound"),
        ({"client": Client(ip="198.51.100.7")}, "outbound"),
        ({"client": Client(ip="::ffff:198.51.100.7")}, "outbound"),
        ({"client": Client(ip="no address")}, "inbound"),
        ({"client": Client()}, "inbound"),
        ({"user": "me", "listener": Listener(direction="inbound")}, "inbound"),
        ({"listener": Listener(direction="outbound")}, "outbound"),
    ],
)
def test_mail_of_users_and_own_networks_goes_out(mail, fields, direction):
    assert tenants(own=("198.51.100.0/24",)).direction(mail(**fields)) == direction


@pytest.mark.parametrize(
    "entry", ["two.example", "=acme", "two.example=", "two.example=Two Words", "b@two.example=x"]
)
def test_an_entry_that_is_none_is_said_in_one_line(entry):
    with pytest.raises(SettingsError, match=r"hook\.tenants: .* given, allowed: ") as caught:
        tenants(entry)
    assert "\n" not in str(caught.value)


def test_a_network_that_is_none_is_said_in_one_line():
    with pytest.raises(SettingsError, match=r"hook\.own_networks: 'here' given, allowed: "):
        tenants(own=("here",))
