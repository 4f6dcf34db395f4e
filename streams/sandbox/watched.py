"""The worker's sandbox: what is opened and what breaks is counted, and told in the log."""

import structlog

from streams.metrics import Metrics
from streams.sandbox.sandbox import Sandbox
from streams.settings import Settings

__all__ = ["open_sandbox"]

log = structlog.get_logger(__name__)


def open_sandbox(settings: Settings, metrics: Metrics) -> Sandbox:
    """Return a sandbox whose reader has been started, if these settings open any attachment.

    Raises OSError where no process can be started.
    """

    def failed(reason: str) -> None:
        metrics.attachments_failed.inc()
        log.warning("attachments_unread", reason=reason)

    sandbox = Sandbox(settings.attachments, opened=metrics.opened, failed=failed)
    if settings.limits.opened:
        sandbox.start()
    return sandbox
