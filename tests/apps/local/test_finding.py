"""Java, jars, ports and what is missing: what is found on a machine, and what is said if not."""

import hashlib
import socket
from pathlib import Path

import pytest

from apps.local import install, jars, java, layout, ports, redis_server
from apps.local.errors import StackError


def _java(folder: Path, version: str) -> str:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("text", "major"), [("17.0.15", 17), ("21", 21), ("1.8.0_442", 1), ("25-ea", 25)]
)
def test_java_s_version_is_read_from_what_it_says(tmp_path, text, major):
    assert java.major_version(_java(tmp_path, text)) == major


def test_a_java_that_does_not_run_has_no_version(tmp_path):
    assert java.major_version(str(tmp_path / "java")) is None


def test_java_home_comes_first_if_it_is_new_enough(tmp_path, monkeypatch):
    new, old = _java(tmp_path / "new", "17.0.1"), _java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("PATH", str(Path(old).parent))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert java.find() == new
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    assert java.find() != old


@pytest.fixture
def weir_home(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _maven(folder: Path, monkeypatch, script: str) -> None:
    program = folder / "mvn"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_jar_with_another_digest_is_refused_and_not_kept(tmp_path, monkeypatch, weir_home):
    _maven(
        tmp_path,
        monkeypatch,
        'for last; do :; done; dir="${last#*=}"; mkdir -p "$dir"; echo x > "$dir/kafka.jar"\n',
    )
    with pytest.raises(StackError, match=r"jar is not the file that docker/local/jars\.sha256"):
        jars.resolve()
    assert not jars.present()
    assert [path.name for path in (weir_home / "kafka").iterdir()] == ["lock"]


def test_maven_s_own_words_are_in_the_error(tmp_path, monkeypatch, weir_home):
    _maven(tmp_path, monkeypatch, "echo 'Unknown host repository'; exit 1\n")
    with pytest.raises(StackError, match="could not fetch Kafka: Unknown host repository"):
        jars.resolve()


def test_jars_that_are_there_are_taken_without_maven(monkeypatch, weir_home):
    jars.folder().mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    assert jars.resolve() == jars.folder()
    assert jars.folder().is_relative_to(weir_home)


def test_every_listed_jar_has_a_sha256():
    listed = jars._expected()
    assert "kafka_2.13-4.1.1.jar" in listed
    assert {len(digest) for digest in listed.values()} == {hashlib.sha256().digest_size * 2}


def test_what_is_missing_is_named_with_the_ways_to_get_it(monkeypatch, weir_home):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(java, "find", lambda: None)
    assert install.missing() == ["Java 17 or newer", "Maven", "redis-server"]
    with pytest.raises(StackError, match="missing: Java 17 or newer, Maven, redis-server") as told:
        install.install()
    for way in ("apt-get install", "as root", "STACK=compose"):
        assert way in str(told.value)
    assert "\n" not in str(told.value)


def test_a_docker_client_without_a_daemon_is_no_container_engine(tmp_path, monkeypatch):
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not install.docker_answers()


def test_redis_is_not_found_on_an_empty_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert redis_server.find() is None


def test_a_preferred_port_is_taken_only_if_it_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.answers(taken)
        assert ports.choose(taken) != taken
    free = ports.choose()
    assert ports.choose(free) == free
    assert not ports.answers(free)


def test_state_is_under_weir_home_or_in_the_checkout(monkeypatch, weir_home):
    assert layout.home() == weir_home
    monkeypatch.delenv("WEIR_HOME")
    assert layout.home() == layout.CHECKOUT / ".weir"


def test_a_resource_that_is_not_in_the_checkout_is_a_stack_error():
    with pytest.raises(StackError, match="the local stack runs from a checkout"):
        layout.resource("local/nothing.xml")
