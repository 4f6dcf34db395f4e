"""Every data file says where it comes from, and holds each entry once, in normal form."""

import re
from datetime import date
from unicodedata import normalize

import pytest
from disposable_email_domains import blocklist

from features.data_files import data_digest, data_names, read_data
from features.domains import host_suffixes, split_host
from features.hosts import is_disposable
from features.lexicon import COLUMN_GROUPS, GROUPS
from features.text import fold, words

HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{1,62}")
HOST_FILES = ("freemail", "shorteners", "free_hosts", "raw_storage", "mail_services")
LANGUAGES = ["en", "de", "fr", "es", "pt", "it", "nl", "pl", "ru", "ja", "zh"]
AS_WRITTEN = ("ru", "ja", "zh")  # folded, a native reader couldn't read them
PHRASE_FILES = data_names("phrases/")


def lists_of(name):
    return {key: value for key, value in read_data(name).items() if isinstance(value, list)}


@pytest.mark.parametrize("name", data_names())
def test_a_file_has_version_date_and_source(name):
    data = read_data(name)

    assert isinstance(data["version"], int)
    assert isinstance(data["date"], date)
    assert data["source"].strip()
    if "/" not in name:
        assert data["read_by"].startswith("features/")


@pytest.mark.parametrize("name", [name for name in data_names() if "/" not in name])
def test_entries_are_lower_case_sorted_and_written_once(name):
    for key, entries in lists_of(name).items():
        assert entries == sorted(set(entries)), key
        assert [entry for entry in entries if entry != entry.lower()] == []


@pytest.mark.parametrize("name", HOST_FILES)
def test_host_lists_hold_host_names_under_a_public_suffix(name):
    for entries in lists_of(name).values():
        assert [host for host in entries if not HOST.fullmatch(host)] == []
        assert [
            h for h in entries if not split_host(h).suffix and not split_host("x." + h).suffix
        ] == []


def test_a_host_stands_in_one_list_of_its_file_only():
    for name in HOST_FILES:
        entries = [host for hosts in lists_of(name).values() for host in hosts]

        assert len(entries) == len(set(entries)), name


def test_free_mail_domains_are_registrable():
    """They are compared with registrable domains, so a subdomain would never match."""
    domains = read_data("freemail")["domains"]

    assert [d for d in domains if split_host(d).registrable not in (d, "")] == []


def test_a_mail_service_is_neutral_and_so_in_no_list_of_suspects():
    services = set(read_data("mail_services")["hosts"])
    suspects = set()
    for name in ("shorteners", "free_hosts", "raw_storage"):
        for entries in lists_of(name).values():
            suspects.update(entries)

    assert [host for host in suspects if not services.isdisjoint(host_suffixes(host))] == []
    assert [host for host in services if not suspects.isdisjoint(host_suffixes(host))] == []


def test_no_provider_of_lasting_mailboxes_is_called_disposable():
    lasting = set(read_data("freemail")["domains"]) - {"mailinator.com"}

    assert [domain for domain in lasting if is_disposable(domain)] == []


def test_corrections_of_the_kept_list_are_still_needed():
    assert set(read_data("disposable")["never"]) <= set(blocklist)


def test_redirectors_are_hosts_with_paths():
    data = read_data("redirectors")

    for host, paths in data["paths"].items():
        assert HOST.fullmatch(host)
        assert paths == sorted(set(paths))
        assert all(path.startswith("/") and path == path.lower() for path in paths)


@pytest.mark.parametrize("name", PHRASE_FILES)
def test_phrases_are_as_folding_and_splitting_give_them(name):
    for language, phrases in read_data(name)["phrases"].items():
        if language not in AS_WRITTEN:
            assert [p for p in phrases if " ".join(words(fold(p), 9)) != p] == []
        assert [p for p in phrases if p != normalize("NFC", p.lower())] == []
        assert [p for p in phrases if not 1 <= len(p.split()) <= 6] == []
        assert phrases == sorted(phrases)


@pytest.mark.parametrize("name", PHRASE_FILES)
def test_a_phrase_counts_once_in_its_group(name):
    data = read_data(name)
    phrases = [fold(phrase) for listed in data["phrases"].values() for phrase in listed]

    assert len(phrases) == len(set(phrases))


@pytest.mark.parametrize("name", PHRASE_FILES)
def test_a_group_says_what_it_is_about_in_known_languages(name):
    data = read_data(name)

    assert name == f"phrases/{data['group']}"
    assert data["what"].endswith(".")
    assert [language for language in data["phrases"] if language not in LANGUAGES] == []


def test_the_columns_are_sixteen_groups_whatever_groups_come_beside_them():
    assert sorted(COLUMN_GROUPS) == [
        "advance_fee", "call_to_action", "callback", "credentials", "extortion", "greeting",
        "invoice", "legal", "mailbox", "opt_out", "parcel", "prize", "spam_goods", "suspension",
        "urgency", "wallet",
    ]  # fmt: skip


def test_groups_of_business_fraud_are_no_columns():
    assert set(GROUPS) - set(COLUMN_GROUPS) >= {"gift_card", "payment_request"}


def test_the_digest_is_short_and_the_same_every_time():
    assert re.fullmatch(r"[0-9a-f]{12}", data_digest())
    assert data_digest() == data_digest()
