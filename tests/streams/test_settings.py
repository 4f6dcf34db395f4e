import re
from pathlib import Path

import pytest

from features.context import Limits
from streams.sections import LimitsSection
from streams.settings import SettingsError, catalogue, in_force, load, write_keys


def test_without_file_and_environment_the_defaults_are_in_force(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load(None, {})
    assert settings.kafka.brokers == ("127.0.0.1:9092",)
    assert {origin for _, _, origin in in_force(settings)} == {"default"}


def test_the_environment_beats_the_file_and_each_origin_is_told(tmp_path):
    file = tmp_path / "weir.toml"
    file.write_text('[kafka]\nbrokers = ["a:1"]\ngroup = "g"\n')
    settings = load(file, {"WEIR_KAFKA__BROKERS": "b:2, c:3"})
    rows = {key: (value, origin) for key, value, origin in in_force(settings)}
    assert settings.kafka.brokers == ("b:2", "c:3")
    assert rows["kafka.brokers"] == ("b:2, c:3", "WEIR_KAFKA__BROKERS")
    assert rows["kafka.group"] == ("g", str(file))
    assert rows["kafka.client_id"] == ("weir", "default")


def test_weir_config_names_the_file(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text("[topics]\npartitions = 7\n")
    assert load(None, {"WEIR_CONFIG": str(file)}).topics.partitions == 7


def test_a_relative_path_in_the_file_is_taken_from_its_folder(tmp_path):
    file = tmp_path / "weir.toml"
    file.write_text('[privacy]\nkeys_file = "secret/keys.toml"\n')
    assert load(file, {}).privacy.keys_file == str(tmp_path / "secret" / "keys.toml")
    file.write_text("")
    assert load(file, {}).privacy.keys_file == str(tmp_path / "keys.toml")


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WEIR_KAFKA__BROKER": "x:1"}, ["WEIR_KAFKA__BROKER;", "WEIR_KAFKA__BROKERS?"]),
        ({"WEIR_KAFKA_BROKERS": "x:1"}, ["WEIR_KAFKA_BROKERS;", "WEIR_KAFKA__BROKERS?"]),
        ({"WEIR_KAFKA__BROKERS": "nowhere"}, ["kafka.brokers", "'nowhere'", "host:port"]),
        ({"WEIR_KAFKA__BROKERS": " "}, ["kafka.brokers", "list"]),
        ({"WEIR_REDIS__PORT": "70000"}, ["redis.port", "'70000'", "from 1 to 65535"]),
        ({"WEIR_REDIS__TLS": "perhaps"}, ["redis.tls", "'perhaps'", "true, false"]),
        ({"WEIR_LOG__LEVEL": "loud"}, ["log.level", "'loud'", "debug, error, info, warning"]),
        ({"WEIR_REDIS__URL": "http://x"}, ["redis.url", "rediss"]),
        ({"WEIR_KAFKA__SECURITY": "SASL_SSL"}, ["kafka.security", "kafka.sasl_username"]),
        ({"WEIR_KAFKA__SSL_KEYFILE": "k.pem"}, ["kafka.ssl_certfile", "both"]),
        ({"WEIR_WORKER__BATCH_BYTES": "70000"}, ["worker.batch_bytes", "topics.message_bytes"]),
        ({"WEIR_KAFKA__HEARTBEAT_SECONDS": "9"}, ["kafka.heartbeat_seconds", "third"]),
        ({"WEIR_KAFKA__REQUEST_TIMEOUT_SECONDS": "5"}, ["session_timeout", "request_timeout"]),
        ({"WEIR_IDENTITY__TRUSTED_RELAYS": "10.0.0.0/40"}, ["trusted_relays", "CIDR"]),
    ],
)
def test_a_wrong_setting_is_one_line_with_key_given_and_allowed(
    environ, words, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load(None, environ)
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[kafak]\n", ["unknown section [kafak]", "kafka?"]),
        ("[kafka]\nbrokres = []\n", ["unknown key kafka.brokres", "kafka.brokers?"]),
        ("[http]\nqqqqqq = 1\n", ["unknown key http.qqqqqq", "http.bind"]),
        ("kafka = 3\n", ["kafka = 3", "section [kafka]"]),
        ("[redis]\nport = '6379'\n", ["redis.port", "'6379'", "whole number"]),
        ("[redis\n", ["not TOML", "line 1"]),
    ],
)
def test_a_wrong_file_is_one_line_that_names_it(text, words, tmp_path):
    file = tmp_path / "weir.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in [*words, str(file)]), line


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml", {})


def test_secrets_are_masked_wherever_settings_are_shown():
    environ = {
        "WEIR_REDIS__URL": "redis://user:hush@host:1/0",
        "WEIR_KAFKA__SECURITY": "SASL_SSL",
        "WEIR_KAFKA__SASL_USERNAME": "weir",
        "WEIR_KAFKA__SASL_PASSWORD": "hush",
    }
    rows = {key: value for key, value, _ in in_force(load(None, environ))}
    assert rows["redis.url"] == "redis://user:***@host:1/0"
    assert rows["kafka.sasl_password"] == "***"
    rows = {key: value for key, value, _ in in_force(load(None, {"WEIR_REDIS__PASSWORD": "hush"}))}
    assert rows["redis.password"] == "***"
    query = {"WEIR_REDIS__URL": "redis://host:1/0?password=hush"}
    rows = {key: value for key, value, _ in in_force(load(None, query))}
    assert rows["redis.url"] == "redis://host:1/0?***"
    with pytest.raises(SettingsError) as caught:
        load(None, {**environ, "WEIR_REDIS__URL": "http://user:hush@host"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"REDIS__URL": "redis://h", "REDIS__PASSWORD": "hush"}, "redis.password are both set"),
        ({"REDIS__URL": "redis://h", "REDIS__PORT": "7"}, "redis.port are both set"),
        ({"REDIS__SSL_CAFILE": "ca.pem"}, "redis.ssl_cafile is set without TLS"),
        ({"REDIS__TLS": "true", "REDIS__SSL_KEYFILE": "k"}, "both or neither"),
        ({"KAFKA__SSL_CAFILE": "ca.pem"}, "kafka.ssl_cafile is set, kafka.security = 'PLAINTEXT'"),
        ({"KAFKA__SECURITY": "SSL", "KAFKA__SASL_USERNAME": "u"}, "kafka.sasl_username is set"),
    ],
)
def test_a_setting_that_would_do_nothing_is_refused(environ, words):
    """What looks like TLS or a password must not turn out to be neither."""
    with pytest.raises(SettingsError, match=re.escape(words)) as caught:
        load(None, {f"WEIR_{name}": value for name, value in environ.items()})
    assert "hush" not in str(caught.value)


def test_the_limits_section_mirrors_the_cores_limits():
    """Names and defaults are the core's; the message's size is a setting of the topics."""
    section = LimitsSection()
    core = Limits()
    names = set(LimitsSection.__struct_fields__)
    assert names == set(Limits.__dataclass_fields__) - {"message_bytes"}
    assert all(getattr(section, name) == getattr(core, name) for name in names)


def test_an_embedded_installation_has_its_snapshots_beside_its_log_unless_they_have_a_folder():
    housed = load(None, {"WEIR_EMBEDDED__FOLDER": "/var/lib/weir"})
    own = {"WEIR_EMBEDDED__FOLDER": "/var/lib/weir", "WEIR_MODELS__SNAPSHOTS": "/srv/models"}
    assert housed.models.snapshots == "/var/lib/weir/snapshots"
    assert load(None, own).models.snapshots == "/srv/models"
    assert not load(None, {}).models.snapshots


def test_limits_and_identity_reach_the_core(tmp_path):
    settings = load(
        None,
        {
            "WEIR_TOPICS__MESSAGE_BYTES": "500000",
            "WEIR_LIMITS__LINKS": "9",
            "WEIR_IDENTITY__AUTHSERV_IDS": "MX.Example.org",
            "WEIR_IDENTITY__TRUSTED_RELAYS": "10.0.0.1/8",
        },
    )
    keys = write_keys(tmp_path / "keys.toml")
    context = settings.context(keys)
    assert context.limits.message_bytes == 500_000
    assert context.limits.links == 9
    assert context.authserv_ids == {"mx.example.org"}
    assert str(context.trusted_relays[0]) == "10.0.0.0/8"
    assert context.hash_key == keys.hash_key
    assert settings.record_bytes < settings.dead_letter_bytes


def test_every_key_is_documented():
    """docs/settings.md has each key with its default, its variable and its description."""
    text = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    for key in catalogue().values():
        assert key.description.endswith("."), key.dotted
        row = next(
            (line for line in text.splitlines() if line.startswith(f"| `{key.dotted}` |")), ""
        )
        assert key.description in row, f"{key.dotted} lacks its row in docs/settings.md"
        assert key.variable in row
