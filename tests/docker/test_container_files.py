"""What can be known of the container files and the unit without a daemon to run them."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from apps.hook.addresses import parse_addresses
from apps.training.command import train
from streams import settings
from streams.process import Exit

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
UNITS = ("weir-worker", "weir-learner", "weir-archive", "weir-hook", "weir-hook-embedded")
UNIT = (DOCKER / "weir-worker.service").read_text()


def _local_properties() -> dict[str, str]:
    lines = (DOCKER / "local" / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_image_is_pinned_to_a_version():
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    for path in (DOCKER / "Dockerfile", DOCKER / "postfix" / "Dockerfile"):
        images += re.findall(r"^FROM (\S+)", path.read_text(), re.MULTILINE)
    assert len(images) >= 6
    assert [image for image in images if not re.search(r":v?\d", image)] == []


@pytest.mark.parametrize("name", ["topics", "worker", "archive", "hook"])
def test_services_of_weir_set_only_known_settings(name):
    loaded = settings.load(None, SERVICES[name]["environment"])
    assert loaded.kafka.brokers == ("kafka:19092",)
    assert loaded.redis.host == "redis"


def test_the_image_sets_only_known_settings():
    given = dict(re.findall(r"(WEIR_\w+)=(\S+)", DOCKERFILE))
    assert settings.load(None, given).http.bind == "0.0.0.0:8790"


def test_the_unit_sets_only_known_settings():
    given = dict(re.findall(r"^Environment=(WEIR_\w+)=(.*)$", UNIT, re.MULTILINE))
    assert given.pop("WEIR_CONFIG")
    assert settings.load(None, given).kafka.group_instance_id == "%H"


def test_an_archiver_keeps_the_port_of_nobody_else_and_has_time_for_its_last_block():
    unit = (DOCKER / "weir-archive.service").read_text()
    given = dict(re.findall(r"^Environment=(WEIR_\w+)=(.*)$", unit, re.MULTILINE))
    assert given.pop("WEIR_CONFIG")
    learner = (DOCKER / "weir-learner.service").read_text()
    bind = settings.load(None, given).http.bind
    assert bind != settings.Settings().http.bind
    assert bind not in learner
    assert "ExecStart=/opt/weir/bin/weir archive run\n" in unit
    loaded = settings.load(None, SERVICES["archive"]["environment"])
    assert loaded.archive.url.startswith("/var/lib/weir/")
    assert SERVICES["archive"]["command"] == ["archive", "run"]


def test_a_learner_that_was_taken_over_is_not_started_again():
    unit = (DOCKER / "weir-learner.service").read_text()
    assert f"RestartPreventExitStatus={int(Exit.SUPERSEDED)}\n" in unit
    given = dict(re.findall(r"^Environment=(WEIR_\w+)=(.*)$", unit, re.MULTILINE))
    assert given.pop("WEIR_CONFIG")
    assert settings.load(None, given).http.bind != settings.Settings().http.bind


@pytest.mark.parametrize("name", ["weir-hook", "weir-hook-embedded"])
def test_a_hook_is_given_the_time_to_answer_what_is_in_flight(name):
    unit = (DOCKER / f"{name}.service").read_text()
    given = dict(re.findall(r"^Environment=(WEIR_\w+)=(.*)$", unit, re.MULTILINE))
    assert given.pop("WEIR_CONFIG")
    loaded = settings.load(None, given)
    # A folder here but not in weir.toml would be one that `weir verdicts` doesn't look at.
    assert not loaded.embedded.folder
    assert ("--embedded" in unit) == (name == "weir-hook-embedded")
    (patience,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    longest = 60  # hook.deadline_seconds at most
    assert int(patience) > longest + loaded.worker.stop_seconds


def test_the_port_of_metrics_and_health_is_the_same_everywhere():
    port = settings.Settings().http.bind.rpartition(":")[2]
    scrape = yaml.safe_load((DOCKER / "prometheus.yml").read_text())["scrape_configs"]
    assert {target["port"] for job in scrape for target in job["dns_sd_configs"]} == {int(port)}
    exposed = [SERVICES[name]["expose"] for name in ("worker", "learner", "archive")]
    assert exposed == [[port]] * 3
    assert f"127.0.0.1:{port}/livez" in DOCKERFILE
    assert f"EXPOSE {port}" in DOCKERFILE


def test_postfix_finds_the_hooks_sockets_and_waits_longer_than_the_hook():
    hook, postfix = SERVICES["hook"], SERVICES["postfix"]
    loaded = settings.load(None, hook["environment"])
    (here,) = [each.partition(":") for each in hook["volumes"] if each.startswith("sockets:")]
    (there,) = [each.split(":")[1] for each in postfix["volumes"] if each.startswith("sockets:")]
    main = (DOCKER / "postfix" / "main.cf").read_text()
    for key, listen in (("milter", loaded.milter.listen), ("policy", loaded.policyd.listen)):
        (address,) = parse_addresses(listen, key)
        assert address.path is not None
        folder, name = address.path.rsplit("/", 1)
        assert (folder, address.mode) == (here[2], 0o666)
        assert f"unix:weir/{name}" in main
    assert there == "/var/spool/postfix/weir"
    (patience,) = re.findall(r"^milter_content_timeout = (\d+)s$", main, re.MULTILINE)
    assert int(patience) > loaded.hook.deadline_seconds + 2
    (health,) = [part for part in hook["healthcheck"]["test"] if "http" in part]
    (api,) = parse_addresses(loaded.api.listen, "api.listen")
    assert f"http://{api.host}:{api.port}/healthz" in health
    assert int(hook["stop_grace_period"].removesuffix("s")) > 60 + loaded.worker.stop_seconds


def test_prometheus_looks_for_a_service_that_exists():
    scrape = yaml.safe_load((DOCKER / "prometheus.yml").read_text())["scrape_configs"]
    names = {name for job in scrape for target in job["dns_sd_configs"] for name in target["names"]}
    assert names <= SERVICES.keys()


def test_kafka_in_a_container_is_the_kafka_of_the_local_stack():
    local = _local_properties()
    container = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    own = {key for key in container if "listener" in key or key.startswith(("log.", "controller."))}
    assert container.keys() - own
    assert {key: local.get(key) for key in container.keys() - own} == {
        key: value for key, value in container.items() if key not in own
    }
    pom = (DOCKER / "local" / "pom.xml").read_text()
    version = SERVICES["kafka"]["image"].partition(":")[2]
    assert f"<artifactId>kafka_2.13</artifactId>\n      <version>{version}</version>" in pom


def test_brokers_take_the_largest_record_that_weir_makes():
    assert int(_local_properties()["message.max.bytes"]) >= settings.Settings().dead_letter_bytes


def test_the_image_has_every_package_of_the_wheel():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert copied == set(build["targets"]["wheel"]["packages"])
    sources = " ".join(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)).split()
    allowed = (ROOT / ".dockerignore").read_text()
    assert [name for name in sources if f"!{name}\n" not in allowed] == []
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_nothing_of_weir_runs_as_root():
    stages = DOCKERFILE.split("FROM ")
    assert "\nUSER weir\n" in stages[-1]
    for unit in DOCKER.glob("weir-*.service"):
        assert re.search(r"^User=weir$", unit.read_text(), re.MULTILINE), unit.name
    for name in ("topics", "worker", "learner", "archive", "hook"):
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True


def test_published_ports_are_on_the_loopback_interface_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd isn't installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_the_unit_and_rates_it_as_confined(name, tmp_path):
    # verify wants the program and the user to exist on this machine
    text = (DOCKER / f"{name}.service").read_text()
    text = text.replace("/opt/weir/bin/weir", "/bin/true").replace("=weir\n", "=root\n")
    unit = tmp_path / f"{name}.service"
    unit.write_text(text.replace("StateDirectory=root", "StateDirectory=weir"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd isn't installed")
def test_systemd_accepts_the_training_and_its_timer(tmp_path):
    text = (DOCKER / "weir-train.service").read_text()
    unit, timer = tmp_path / "weir-train.service", tmp_path / "weir-train.timer"
    unit.write_text(text.replace("/opt/weir/bin/weir", "/bin/true"))
    timer.write_text((DOCKER / "weir-train.timer").read_text())
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit), str(timer)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_training_on_a_schedule_is_a_command_that_exists():
    unit = (DOCKER / "weir-train.service").read_text()
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    program, command, *options = line.removeprefix("ExecStart=").split()
    assert (program, command) == ("/opt/weir/bin/weir", "train")
    context = train.make_context("train", [*options, "--mail", str(DOCKER)], resilient_parsing=True)
    assert context.params["publish"] is True
