"""A local rspamd as a peer: its rules and its Bayes, no network (Debian's package rspamd)."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from apps.evaluation.bogofilter import PeerMissingError
from apps.local.ports import choose
from apps.local.processes import GuardedProcess

__all__ = ["Rspamd", "rspamd", "version_of"]

_READY_SECONDS: Final = 90.0  # its first start compiles the patterns
# What asks the network, remembers senders, or signs: none of it is in the comparison.
_WITHOUT: Final = (
    *("rbl", "surbl", "spf", "dkim", "dmarc", "arc", "asn", "fuzzy_check", "phishing", "neural"),
    *("url_redirector", "mx_check", "greylist", "ratelimit", "dkim_signing", "bimi", "hfilter"),
    *("rspamd_update", "history_redis", "p0f", "whitelist", "reputation", "replies"),
)
_CONFIGURATION: Final = """\
.include "$CONFDIR/common.conf"
options {
  pidfile = "$RUNDIR/rspamd.pid";
  .include "$CONFDIR/options.inc"
  dns { nameserver = ["127.0.0.1"]; timeout = 0.05s; retransmits = 1; }
  disable_monitoring = true;
  local_addrs = [];
}
logging { type = "file"; filename = "$LOGDIR/rspamd.log"; level = "warning"; }
worker "normal" { bind_socket = "127.0.0.1:%d"; .include "$CONFDIR/worker-normal.inc"
  count = 1; }
worker "controller" { bind_socket = "127.0.0.1:%d"; .include "$CONFDIR/worker-controller.inc"
  count = 1; secure_ip = ["127.0.0.1"]; }
"""


class Rspamd:
    """A running rspamd with one scanning process: `url` takes /checkv2."""

    def __init__(self, process: GuardedProcess, port: int, controller: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._controller = f"http://127.0.0.1:{controller}"
        self._process = process

    def pid(self) -> int:
        """Return the process that scans."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for child in map(int, children.split()):
            if b"normal" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
        raise PeerMissingError(f"rspamd has no scanning process: {self._process.tail()}")

    def learn(self, raws: Iterable[bytes], truth: Literal["spam", "ham"]) -> int:
        """Teach its Bayes; return how many it took (not what it knows already)."""
        taken = 0
        for raw in raws:
            try:
                taken += bool(self._post(f"{self._controller}/learn{truth}", raw).get("success"))
            except HTTPError:
                continue
        return taken

    def ready(self) -> bool:
        """Tell whether it answers a message."""
        try:
            return "score" in self._post(f"{self.url}/checkv2", b"Subject: x\r\n\r\nx\r\n")
        except (URLError, OSError):
            return False

    @staticmethod
    def _post(url: str, raw: bytes) -> dict[str, object]:
        with urlopen(Request(url, data=raw), timeout=10) as answer:  # noqa: S310 - http, our own
            found: dict[str, object] = json.load(answer)
        return found


def version_of() -> str:
    """Return what `rspamd --version` says; raises PeerMissingError where there is none."""
    program = shutil.which("rspamd")
    if program is None:
        raise PeerMissingError("rspamd is not installed: apt-get install rspamd")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - no shell
    return said.stdout.strip().removeprefix("Rspamd daemon version ")


@contextmanager
def rspamd(folder: Path, redis_port: int) -> Iterator[Rspamd]:
    """Run rspamd under a folder of its own, its Bayes in a Redis of this host.

    Raises PeerMissingError where it isn't installed or doesn't answer.
    """
    version_of()
    local = folder / "local.d"
    for each in (local, folder / "override.d", folder / "run", folder / "log", folder / "db"):
        each.mkdir(parents=True, exist_ok=True)
    for module in _WITHOUT:
        (local / f"{module}.conf").write_text("enabled = false;\n")
    servers = f'servers = "127.0.0.1:{redis_port}";\n'
    (local / "redis.conf").write_text(servers)
    (local / "classifier-bayes.conf").write_text(f"{servers}min_learns = 20;\n")
    port, controller = choose(), choose()
    configuration = folder / "rspamd.conf"
    configuration.write_text(_CONFIGURATION % (port, controller))
    places = {
        "LOCAL_CONFDIR": folder,
        "DBDIR": folder / "db",
        "RUNDIR": folder / "run",
        "LOGDIR": folder / "log",
    }
    variables = [word for key, path in places.items() for word in ("--var", f"{key}={path}")]
    with ExitStack() as stack:
        process = GuardedProcess(
            "rspamd",
            ["rspamd", "-i", "-f", "-c", str(configuration), *variables],
            folder / "rspamd.out",
        )
        stack.callback(process.stop)
        peer = Rspamd(process, port, controller)
        until = time.monotonic() + _READY_SECONDS
        while not peer.ready():
            if not process.running or time.monotonic() > until:
                raise PeerMissingError(f"rspamd doesn't answer: {process.tail()}")
            time.sleep(0.5)
        yield peer
