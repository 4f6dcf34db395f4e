import socket
from contextlib import closing

import pytest

from apps.local import postfix
from apps.local.errors import StackError
from apps.local.postfix import Entrance, Postfix
from apps.local.sasl import SaslServer


def test_where_it_is_not_installed_one_line_says_so_and_nothing_is_left(monkeypatch):
    monkeypatch.setenv("PATH", "")
    mx = Postfix()
    with pytest.raises(StackError, match=r"^Postfix is missing: .*apt-get install postfix$"):
        mx.start()
    assert not mx.folder.exists()


def test_who_is_not_root_is_told(monkeypatch):
    monkeypatch.setattr(postfix.shutil, "which", lambda name: f"/usr/sbin/{name}")
    monkeypatch.setattr(postfix.Path, "exists", lambda _path: True)
    monkeypatch.setattr(postfix.os, "geteuid", lambda: 1000)
    assert postfix.missing() == (
        "Postfix starts only as root: its daemons change to a user of their own"
    )


def test_an_entrance_asks_the_policy_service_before_it_takes_a_recipient():
    lines = Entrance("out", ("unix:/m",), "unix:/p", submission=True).service(2525)
    first, *options = lines.splitlines()
    assert first == "127.0.0.1:2525 inet n - n - - smtpd"
    said = dict(option.strip(" -o{}").split(" = ") for option in options)
    assert said["smtpd_milters"] == "unix:/m"
    assert said["smtpd_recipient_restrictions"].startswith("check_policy_service unix:/p, ")
    assert said["smtpd_end_of_data_restrictions"] == "check_policy_service unix:/p"
    assert said["smtpd_sasl_auth_enable"] == "yes"


def say(path, line):
    """Return the answer to one request of Dovecot's protocol, after the greeting."""
    client = connected(path)
    with client, client.makefile("rwb") as stream:
        while stream.readline() != b"DONE\n":
            pass
        stream.write(line)
        stream.flush()
        return stream.readline()


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(path))
    return client


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (b"AGFubgBzZWNyZXQ=", b"OK\t7\tuser=ann\n"),
        (b"AGFubgB3cm9uZw==", b"FAIL\t7\tuser=ann\n"),
        (b"AGV2ZQA=", b"FAIL\t7\tuser=eve\n"),
        (b"not base64", b"FAIL\t7\treason=not a response of PLAIN\n"),
        (b"YQ==", b"FAIL\t7\treason=not a response of PLAIN\n"),
    ],
)
def test_only_the_right_password_of_a_known_user_is_let_in(tmp_path, response, answer):
    with closing(SaslServer(tmp_path / "s", {"ann": "secret", "eve": ""})):
        line = b"AUTH\t7\tPLAIN\tservice=smtp\tresp=" + response + b"\n"
        assert say(tmp_path / "s", line) == answer
