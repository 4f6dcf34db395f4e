"""Mail is found in files, pipes, mboxes, Maildirs and folders, and is cut at the limit."""

import hashlib
import io
import mailbox
import os
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mbox import split_mbox
from apps.sources import Mail, Unreadable, read_mail, total_bytes

LIMIT = 1_000_000
ONE = b"From: a@example.org\nSubject: one\n\nbody\n"
TWO = b"From: b@example.org\nSubject: two\n\nFrom here it goes on.\n\nFrom there too.\n"
SEPARATOR = b"From a@example.org Thu Aug 22 12:36:23 2002\n"


def read(*paths, limit=LIMIT):
    return list(read_mail([str(path) for path in paths], limit))


def test_a_file_is_one_message_under_its_path(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(ONE)
    assert read(path) == [Mail(str(path), ONE, len(ONE), "")]


def test_an_mbox_gives_every_message_a_number_and_a_body_may_say_from(tmp_path):
    path = tmp_path / "box"
    path.write_bytes(SEPARATOR + ONE + b"\n" + SEPARATOR + TWO + b"\n")
    assert [(mail.name, mail.raw) for mail in read(path)] == [
        (f"{path}#1", ONE),
        (f"{path}#2", TWO),
    ]


def test_a_saved_message_with_its_mbox_line_keeps_the_plain_name(tmp_path):
    path = tmp_path / "saved"
    path.write_bytes(SEPARATOR + TWO)
    assert [(mail.name, mail.raw) for mail in read(path)] == [(str(path), TWO)]


def test_what_the_standard_library_writes_as_an_mbox_comes_back(tmp_path):
    box = mailbox.mbox(tmp_path / "box")
    for raw in (ONE, TWO, ONE):
        box.add(raw)
    box.close()
    raws = [mail.raw for mail in read(tmp_path / "box")]
    assert raws == [ONE, TWO.replace(b"\nFrom", b"\n>From"), ONE]


def test_a_maildir_gives_new_and_cur_with_subfolders_and_nothing_else(tmp_path):
    root = mailbox.Maildir(tmp_path / "Maildir")
    root.add(ONE)
    root.add_folder("Junk").add(TWO)
    (tmp_path / "Maildir" / "dovecot-uidlist").write_bytes(b"not mail")
    (tmp_path / "Maildir" / "tmp" / "half").write_bytes(b"not yet mail")
    assert {mail.raw for mail in read(tmp_path / "Maildir")} == {ONE, TWO}


def test_a_folder_is_read_recursively_in_order_without_hidden_files(tmp_path):
    for name in ("b.eml", "a.eml", "sub/c.eml", ".hidden", ".git/d"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(ONE)
    names = [os.path.relpath(mail.name, tmp_path) for mail in read(tmp_path)]
    assert names == ["a.eml", "b.eml", "sub/c.eml"]
    assert total_bytes([str(tmp_path)]) == 3 * len(ONE)


def test_standard_input_may_be_a_message_or_an_mbox(monkeypatch):
    for piped, names in ((ONE, ["stdin"]), (SEPARATOR + ONE + b"\n" + SEPARATOR + ONE, 2)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(piped)))
        found = read("-")
        assert [mail.name for mail in found] == (
            names if isinstance(names, list) else ["stdin#1", "stdin#2"]
        )
        assert all(mail.raw == ONE for mail in found)
    assert total_bytes(["-"]) is None


def test_an_unreadable_path_is_reported_and_the_rest_is_read(tmp_path):
    (tmp_path / "one.eml").write_bytes(ONE)
    missing, mail = read(tmp_path / "missing.eml", tmp_path / "one.eml")
    assert missing == Unreadable(str(tmp_path / "missing.eml"), "No such file or directory")
    assert isinstance(mail, Mail)


def test_a_message_over_the_limit_is_cut_with_size_and_digest_of_the_whole(tmp_path):
    whole = ONE + b"x" * 5_000_000
    (tmp_path / "large.eml").write_bytes(whole)
    (mail,) = read(tmp_path / "large.eml", limit=1000)
    assert mail.raw == whole[:1000]
    assert mail.size == len(whole)
    assert mail.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("size", [LIMIT, LIMIT - 1])
def test_a_message_at_the_limit_is_not_cut(tmp_path, size):
    (tmp_path / "m.eml").write_bytes(b"x" * size)
    (mail,) = read(tmp_path / "m.eml")
    assert (mail.size, mail.sha256, len(mail.raw)) == (size, "", size)


@settings(derandomize=True)
@given(st.lists(st.sampled_from([b"\n", b"\r\n", b"From ", SEPARATOR, ONE, b"a", b"\n\n"])))
def test_no_line_of_an_mbox_is_lost_but_separators_and_their_blank_lines(pieces):
    data = b"".join(pieces)
    kept = b"".join(message.raw for message in split_mbox(io.BytesIO(data), LIMIT))
    ends = (b"\n", b"\r\n", SEPARATOR)
    assert [line for line in kept.splitlines(keepends=True) if line not in ends] == [
        line for line in data.splitlines(keepends=True) if line not in ends
    ]


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an Outlook or Office file; save the message as .eml",
        ),
        (
            b"\x1f\x8b\x08\x00",
            "compressed with gzip; unpack it first, or pipe it: zcat FILE | weir",
        ),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\xff\xfeF\0r\0o\0m\0", "text in UTF-16"),
        (b"1669\n" + ONE, "Apple Mail's .emlx"),
    ],
)
def test_a_file_that_is_known_to_be_no_message_says_what_to_do(tmp_path, start, what):
    path = tmp_path / "other"
    path.write_bytes(start + b"\0rest\n" * 9)
    [found] = read(path)
    assert isinstance(found, Unreadable)
    assert found.reason.startswith(f"not a message but {what}")


def test_the_mark_that_an_editor_put_before_a_message_is_no_part_of_it(tmp_path):
    path = tmp_path / "saved.eml"
    path.write_bytes(b"\xef\xbb\xbf" + ONE)
    assert [mail.raw for mail in read(path)] == [ONE]


def test_a_message_about_numbers_is_a_message(tmp_path):
    path = tmp_path / "one.eml"
    path.write_bytes(b"12: x\n" + ONE)
    assert isinstance(read(path)[0], Mail)
