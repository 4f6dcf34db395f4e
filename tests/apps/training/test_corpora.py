"""Corpora are read with their labels and without what gives the label away."""

from base64 import b64encode

import pytest

from apps.training import corpora
from apps.training.corpora import pooled, read_corpora, strip_artefacts

MAIL = b"From: a@example.net\nTo: phishing@pot\nSubject: hello\n\nbody\n"


def _write(folder, path, content=MAIL):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def test_sources_and_labels_come_from_the_layout(tmp_path):
    _write(tmp_path, "sa/easy-ham-2/1.txt")
    _write(tmp_path, "sa/spam-1/1.txt")
    _write(tmp_path, "modern/ham/some-fixtures_0001.eml")
    _write(tmp_path, "modern/spam/other_0001.eml")
    _write(tmp_path, "phishing_pot_x/sample-1.eml")
    _write(tmp_path, "phishing_pot_x/sample-2.eml", b"Delivered-To: phish.me.again@x\n" + MAIL)
    _write(tmp_path, "transactional_templates/t/a.html", b"<p>Hi</p>")

    assert [(sample.source, sample.label) for sample in read_corpora(tmp_path)] == [
        ("modern-some-fixtures", "ham"),
        ("modern-other", "spam"),
        ("phishing-pot", "phish"),
        ("phishing-pot-forwards", "phish"),
        ("sa-easy-ham", "ham"),
        ("sa-spam", "spam"),
        ("templates-plain", "ham"),
        ("templates-esp", "ham"),
    ]


def test_a_folder_without_corpora_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no corpora in"):
        list(read_corpora(tmp_path))


def test_fields_of_the_collecting_server_go_and_the_rest_stays_byte_for_byte():
    raw = (
        b"From exmh@localhost Thu Aug 22\r\n"
        b"Received: from localhost (localhost [127.0.0.1])\r\n\tby phobos\r\n"
        b"Received: from mail.example.net (192.0.2.1)\r\n\tby mx\r\n"
        b"X-Spam-Status: Yes,\r\n score=9\r\n"
        b"Authentication-Results: mx; spf=fail\r\n"
        b"From: caf\xe9 <a@example.net>\r\n"
        b"\r\nX-Spam-Status: body\r\n"
    )

    assert strip_artefacts(raw) == (
        b"Received: from mail.example.net (192.0.2.1)\r\n\tby mx\r\n"
        b"From: caf\xe9 <a@example.net>"
        b"\r\n\r\nX-Spam-Status: body\r\n"
    )


def test_the_owner_is_replaced_in_clear_base64_hex_and_encoded_bodies(tmp_path, monkeypatch):
    owner = b"o-w-ner@hotmail.com"
    digest = corpora.hashlib.sha256(owner).hexdigest()
    monkeypatch.setattr(corpora, "_OWNER_SHA256", digest)
    body = b64encode(b"<p>padding</p>" * 20 + b"Dear " + owner)
    lines = b"\n".join(body[i : i + 76] for i in range(0, len(body), 76))
    raw = (
        b"From: a@example.net\nTo: phishing@pot\nSubject: o-w-ner%40hotmail.com\n\n"
        b"http://x.example/?u=" + b64encode(b"mail=" + owner) + b"\n"
        b"http://x.example/#" + owner.hex().encode() + b"\n\n" + lines + b"\n"
    )
    _write(tmp_path, "phishing_pot/sample-1.eml", raw)

    (sample,) = read_corpora(tmp_path)

    assert b"To: recipient@example.com\nSubject: recipient%40example.com\n" in sample.raw
    assert b64encode(b"mail=recipient@example.com").rstrip(b"=") in sample.raw
    assert b"recipient@example.com".hex().encode() in sample.raw
    assert body[-24:] not in sample.raw


def test_pools_join_what_is_reported_together():
    assert pooled("sa-easy-ham") == "easy"
    assert pooled("modern-x") == "modern-x"
