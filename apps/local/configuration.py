"""The settings file and the keys of the local stack."""

import os
from collections.abc import Mapping
from pathlib import Path

from streams.settings import Settings, load, write_keys

_FILE = """\
# Written by `weir up` at every start; changes are lost. Other commands find the stack with
#   export WEIR_CONFIG={path}

[kafka]
brokers = ["{brokers}"]
# Static membership: a worker that comes back at once keeps its partitions.
group_instance_id = "local-1"

[redis]
url = "{redis_url}"
timeout_seconds = 1.0 # all share this machine's cores; beside mail that waits, 0.15 is enough

[http]
bind = "127.0.0.1:{http_port}"

[milter]
listen = ["{milter}"]

[privacy]
keys_file = "keys.toml"

[models]
snapshots = "snapshots"

[learner]
publish_seconds = 5.0 # what is learned is seen here while one watches; 60 elsewhere

[archive]
url = "archive"
raw = true # as long as the topics keep it anyway, so that all can be judged again from the mail
block_seconds = 2.0 # one wants to look at once; a busy stream is better kept by the minute

# The server that the messages of examples/ came through, and whose results they carry.
[identity]
authserv_ids = ["mx.upper-weir-trust.org"]
upstream_verifies = true
"""


def check_environment() -> None:
    """Look at the caller's variables alone, before anything is started.

    Raises:
        SettingsError: one of them is not a setting, or its value isn't allowed.
    """
    load(Path(os.devnull), os.environ)


class Configuration:
    """`weir.toml` and `keys.toml` in the folder of a stack.

    Args:
        directory: The folder; keys that are there are kept.
        brokers: Kafka's bootstrap address.
        redis_url: Redis's address.
        http_port: Where the worker answers about its health.
        milter: Where the hook answers MTAs.
    """

    def __init__(
        self, directory: Path, brokers: str, redis_url: str, http_port: int, milter: str
    ) -> None:
        self.path = directory / "weir.toml"
        self.http_port = http_port
        # Variables of the caller's environment win over the file: these must not lead elsewhere.
        self._variables = {
            "WEIR_CONFIG": str(self.path),
            "WEIR_KAFKA__BROKERS": brokers,
            "WEIR_REDIS__URL": redis_url,
        }
        directory.mkdir(parents=True, exist_ok=True)
        content = _FILE.format(
            path=self.path,
            brokers=brokers,
            redis_url=redis_url,
            http_port=http_port,
            milter=milter,
        )
        self.path.write_text(content, encoding="utf-8")
        (directory / "snapshots").mkdir(exist_ok=True)
        keys = directory / "keys.toml"
        if not keys.exists():
            write_keys(keys)

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that point a process of ours to this stack."""
        return self._variables

    def settings(self) -> Settings:
        """Return the settings in force.

        Raises:
            SettingsError: a variable of the caller's environment is not a setting.
        """
        return load(self.path, {**os.environ, **self._variables})
