"""A real Postfix under a folder of its own, on loopback ports: for tests, benchmarks, `weir up`.

All mail that it takes goes to an `smtp-sink` beside it, whatever its recipients; nothing leaves the
machine, and a system's own Postfix is never touched.
"""

import os
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from apps.local import ports
from apps.local.errors import StackError
from apps.local.processes import GuardedProcess
from apps.local.sasl import SaslServer
from apps.local.server import Server

__all__ = ["Entrance", "Postfix", "missing", "new_folder"]

_READY_SECONDS = 30.0
_DELIVERED_SECONDS = 20.0
_DAEMONS = Path("/usr/lib/postfix/sbin")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
multi_instance_enable = no
myhostname = mx.example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
relay_domains = static:all
relayhost = [127.0.0.1]:{sink}
smtp_host_lookup = native
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.1
local_header_rewrite_clients =
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/sasl
alias_maps =
local_recipient_maps =
fast_flush_domains =
in_flow_delay = 0
default_process_limit = 250
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_soft_error_limit = 1000
{more}
"""
_MASTER = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Entrance(NamedTuple):
    """One port of the same Postfix, with what judges mail there.

    `milters` and `policy` are addresses as Postfix and weir.toml write them, `unix:PATH` or
    `inet:HOST:PORT`; the policy service is asked at RCPT and at the end of the message.
    `submission` takes mail of authenticated users alone. `settings` are those of main.cf that
    differ here.
    """

    name: str = "smtp"
    milters: tuple[str, ...] = ()
    policy: str = ""
    submission: bool = False
    settings: Mapping[str, str] = {}

    def service(self, port: int) -> str:
        """Return its lines of master.cf."""
        options = {"syslog_name": f"postfix/{self.name}"}
        if self.milters:
            options["smtpd_milters"] = ", ".join(self.milters)
        asked = f"check_policy_service {self.policy}" if self.policy else ""
        restrictions = [asked] if asked else []
        if self.submission:
            options["smtpd_sasl_auth_enable"] = "yes"
            options["milter_macro_daemon_name"] = "ORIGINATING"
            options["smtpd_relay_restrictions"] = "permit_sasl_authenticated, reject"
        options["smtpd_recipient_restrictions"] = ", ".join(
            [*restrictions, "reject_unauth_destination"]
        )
        options["smtpd_end_of_data_restrictions"] = asked
        options |= self.settings
        lines = [f"127.0.0.1:{port} inet n - n - - smtpd"]
        lines += [f"  -o {{ {name} = {value} }}" for name, value in options.items()]
        return "\n".join(lines) + "\n"


def missing() -> str:
    """Return in one line why no Postfix can be started here, '' if one can."""
    absent = [name for name in ("postfix", "smtp-sink") if shutil.which(name) is None]
    if absent or not (_DAEMONS / "master").exists():
        return "Postfix is missing: as root on Debian or Ubuntu, apt-get install postfix"
    if os.geteuid() != 0:
        return "Postfix starts only as root: its daemons change to a user of their own"
    return ""


def new_folder() -> Path:
    """Return a new folder that Postfix's daemons can reach, also for a milter's socket."""
    folder = Path(tempfile.mkdtemp(prefix="weir-postfix-"))
    folder.chmod(0o755)
    return folder


class Postfix(Server):
    """A Postfix with one port for each entrance; it goes, folder and all, when it is stopped.

    Clients on 127.0.0.1 are strangers to it, who may say by XCLIENT whom they stand for: Postfix
    doesn't mend the header of their mail.

    Args:
        entrances: What it listens for; their names differ.
        folder: A folder by `new_folder`, where the caller needs it before; else one is made.
        users: Passwords by user name, for entrances that are submission services.
        keep: Whether the next hop keeps the mail for `delivered`.
        settings: Lines of main.cf on top of those here.
    """

    def __init__(
        self,
        entrances: Sequence[Entrance] = (Entrance(),),
        *,
        folder: Path | None = None,
        users: Mapping[str, str] | None = None,
        keep: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder or new_folder()
        super().__init__("Postfix", self.folder)
        self._entrances = tuple(entrances)
        self._ports = {entrance.name: ports.choose() for entrance in entrances}
        self._sink_port = ports.choose()
        self._users = users or {}
        self._keep = keep
        self._settings = settings or {}
        self._beside = ExitStack()

    def port(self, name: str = "smtp") -> int:
        """Return the port of an entrance on 127.0.0.1."""
        return self._ports[name]

    def start(self) -> None:
        """Start it with its next hop, and wait until every entrance greets.

        Raises:
            StackError: it isn't installed, we aren't root, or it doesn't come up.
        """
        try:
            _require()
            self._write_configuration()
            self._beside.enter_context(closing(SaslServer(self.folder / "sasl", self._users)))
            self._beside.enter_context(self._sink())
            self._launch([str(_DAEMONS / "master"), "-d", "-c", str(self.folder / "conf")])
        except BaseException:
            self.stop()
            raise

    def _write_configuration(self) -> None:
        conf = self.folder / "conf"
        for path in (conf, self.folder / "queue", self.folder / "data", self._kept):
            path.mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self._kept, "nobody")
        more = "\n".join(f"{name} = {value}" for name, value in self._settings.items())
        main = _MAIN.format(folder=self.folder, sink=self._sink_port, more=more)
        (conf / "main.cf").write_text(main)
        services = "".join(e.service(self.port(e.name)) for e in self._entrances)
        (conf / "master.cf").write_text(services + _MASTER)
        self._command("postfix", "post-install", "create-missing")

    @property
    def _kept(self) -> Path:
        return self.folder / "kept"

    def _sink(self) -> GuardedProcess:
        keep = ("-R", str(self._kept), "-d", "%M.") if self._keep else ()
        address = f"127.0.0.1:{self._sink_port}"
        command = [str(shutil.which("smtp-sink")), "-u", "nobody", *keep, address, "500"]
        return GuardedProcess("smtp-sink", command, self.folder / "sink.log")

    def wait_ready(self, timeout: float = _READY_SECONDS) -> None:
        """Return when every entrance greets.

        Raises:
            StackError: it ended, or did not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        for port in self._ports.values():
            while not _greets(port):
                if not self.process.running:
                    raise StackError(f"Postfix ended while starting:\n{self.process.tail()}")
                if time.monotonic() > deadline:
                    raise StackError(f"Postfix did not answer in {timeout:.0f} s:\n{self.log()}")
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and its next hop, and remove the folder."""
        super().stop()
        self._beside.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """Return what Postfix has logged so far."""
        path = self.folder / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def queue(self) -> list[dict[str, Any]]:
        """Return the messages in its queue, each as `postqueue -j` has it."""
        return [orjson.loads(line) for line in self._command("postqueue", "-j").splitlines()]

    def drop(self, queue_id: str) -> None:
        """Delete a message from the queue."""
        self._command("postsuper", "-d", queue_id)

    def delivered(self, count: int, timeout: float = _DELIVERED_SECONDS) -> list[bytes]:
        """Return the messages that the next hop has, when so many have left the queue.

        Raises:
            StackError: fewer have after `timeout` seconds.
        """
        self.wait(lambda: self.log().count(": removed\n") >= count, timeout)
        return self.kept()

    def kept(self) -> list[bytes]:
        """Return the messages that the next hop has kept so far, oldest first.

        Each begins with the header fields of smtp-sink: X-Mail-Args, X-Rcpt-Args and their like.
        """
        files = sorted(self._kept.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        return [file.read_bytes() for file in files]

    def wait(self, holds: Callable[[], bool], timeout: float = _DELIVERED_SECONDS) -> None:
        """Return when something is so that Postfix doesn't tell of.

        Raises:
            StackError: it isn't after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not holds():
            if time.monotonic() > deadline:
                raise StackError(f"not within {timeout:g} s:\n{self.log()}")
            time.sleep(0.02)

    def _command(self, program: str, *arguments: str) -> str:
        command = [program, "-c", str(self.folder / "conf"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command line
        if done.returncode != 0:
            raise StackError(f"{program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout


def _require() -> None:
    if why := missing():
        raise StackError(why)


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5):
            return True
    except OSError:  # smtplib's own errors are of this kind
        return False
