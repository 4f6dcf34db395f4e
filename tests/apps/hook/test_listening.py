"""Listening sockets: who may connect, whose file is replaced, and one line for what can't be."""

import grp
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from apps.hook.addresses import parse_address
from apps.hook.listening import listen
from streams.settings import SettingsError


def unix(path, options=""):
    return parse_address(f"unix:{path} {options}", "milter.listen")


def test_a_sockets_file_has_the_mode_that_was_asked_for_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        listening = listen(unix(tmp_path / "s", "mode=666"), "milter.listen")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o666
    listening.close()


def test_a_sockets_file_belongs_to_the_group_that_was_asked_for(tmp_path):
    group = grp.getgrgid(os.getgid())
    listening = listen(unix(tmp_path / "s", f"group={group.gr_name}"), "milter.listen")
    assert (tmp_path / "s").stat().st_gid == group.gr_gid
    listening.close()


def test_the_file_goes_when_the_socket_is_closed(tmp_path):
    listen(unix(tmp_path / "s"), "milter.listen").close()
    assert not (tmp_path / "s").exists()


def test_a_file_that_another_process_put_in_its_place_stays(tmp_path):
    ours = listen(unix(tmp_path / "s"), "milter.listen")
    (tmp_path / "s").unlink()
    other = listen(unix(tmp_path / "s"), "milter.listen")
    ours.close()
    assert (tmp_path / "s").exists()
    other.close()


def test_a_socket_that_nobody_answers_at_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "s"))
    listen(unix(tmp_path / "s"), "milter.listen").close()


def test_a_socket_that_somebody_answers_at_is_left_alone(tmp_path):
    first = listen(unix(tmp_path / "s"), "milter.listen")
    with pytest.raises(SettingsError, match=r"\Amilter\.listen: .*in use by another process"):
        listen(unix(tmp_path / "s"), "milter.listen")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
    first.close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path):
    (tmp_path / "s").write_text("precious")
    with pytest.raises(SettingsError, match="no socket"):
        listen(unix(tmp_path / "s"), "milter.listen")
    assert (tmp_path / "s").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "why"), [("group=no-such-group", "no group 'no-such-group'"), ("", "No such file")]
)
def test_what_cannot_be_is_one_line_that_names_the_key(tmp_path, options, why):
    path = tmp_path / "s" if options else tmp_path / "missing" / "s"
    with pytest.raises(
        SettingsError, match=rf"\Amilter\.listen: can't listen at .*{why}"
    ) as caught:
        listen(unix(path, options), "milter.listen")
    assert "\n" not in str(caught.value)
    assert not path.exists()


def test_a_port_in_use_is_said():
    first = listen(parse_address("inet:127.0.0.1:0", "api.listen"), "api.listen")
    address = parse_address(f"inet:127.0.0.1:{first.port}", "api.listen")
    with pytest.raises(SettingsError, match=r"\Aapi\.listen: .*in use by another process"):
        listen(address, "api.listen")
    first.close()


def test_a_host_that_is_not_ours_is_said():
    with pytest.raises(SettingsError, match=r"\Aapi\.listen: can't listen at"):
        listen(parse_address("inet:192.0.2.1:0", "api.listen"), "api.listen")


def test_a_group_that_the_process_is_no_member_of_is_told_by_what_is_allowed():
    others = next(g for g in grp.getgrall() if g.gr_gid not in {os.getgid(), *os.getgroups()})
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        os.seteuid(before or 65534)  # root may give a file to any group
        try:
            with pytest.raises(SettingsError, match=f"group={others.gr_name} is allowed to its"):
                listen(unix(f"{folder}/s", f"group={others.gr_name}"), "milter.listen")
        finally:
            os.seteuid(before)
        assert not Path(folder, "s").exists()
