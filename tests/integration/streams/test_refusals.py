"""What a worker can't start with is one line and an exit code."""

import json
import shutil
from importlib.resources import files

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"WEIR_WORKER__BATCH_MESSAGES": "0"}, 2, ["worker.batch_messages", "'0'", "1 to 1024"]),
        ({"WEIR_WORKER__BATCHES": "1"}, 2, ["WEIR_WORKER__BATCHES", "did you mean"]),
        ({"WEIR_PRIVACY__KEYS_FILE": "none.toml"}, 2, ["keys_file", "none.toml", "make it once"]),
        ({"WEIR_MODELS__CLASSIFIER": "none"}, 2, ["models.classifier", "manifest.json"]),
        ({"WEIR_MODELS__SNAPSHOTS": "none"}, 2, ["models.snapshots", "none", "a folder"]),
        ({"WEIR_POLICY__FILE": "none.toml"}, 2, ["none.toml", "No such file"]),
        ({"WEIR_HTTP__BIND": "203.0.113.1:80"}, 2, ["http.bind", "203.0.113.1:80"]),
        ({"WEIR_KAFKA__BROKERS": "127.0.0.1:1"}, 4, ["kafka.brokers", "127.0.0.1:1"]),
        ({"WEIR_TOPICS__PREFIX": "absent."}, 4, ["absent.messages", "weir topics create"]),
        ({"WEIR_REDIS__URL": "redis://127.0.0.1:1"}, 4, ["redis", "redis.url"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_one_line_with_an_exit_code(refuse, environ, code, words):
    found, line = refuse(**environ)
    assert found == code, line
    assert all(word in line for word in words), line


@pytest.mark.parametrize("key", ["sha256", "schema"])
def test_an_artifact_with_another_digest_or_schema_is_refused(refuse, tmp_path, key):
    folder = tmp_path / "artifact"
    shutil.copytree(str(files("models") / "artifacts"), folder)
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    content[key] = "0" * len(content[key])
    manifest.write_text(json.dumps(content))
    code, line = refuse(WEIR_MODELS__CLASSIFIER=str(folder))
    assert code == 2
    assert "artifact" in line
    assert "0" * 12 in line


def test_a_wrong_policy_is_told_with_line_and_column(refuse, installation):
    installation.policy.write_text("shadow = false\nshadwo = true\n")
    code, line = refuse()
    assert code == 2
    assert "policy.toml:2:1: shadwo" in line


def test_a_broken_snapshot_is_one_line_that_names_it(refuse, installation):
    (installation.directory / "online-3.snapshot").write_bytes(b"WEIRSNAP cut short")
    code, line = refuse(WEIR_MODELS__SNAPSHOTS=str(installation.directory))
    assert code == 2
    assert "online-3.snapshot" in line
