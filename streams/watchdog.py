"""A worker that has work and does none is ended, so that its supervisor starts a new one."""

__all__ = ["Watchdog"]


class Watchdog:
    """Tells a stall from a pause: messages are waiting and none was acknowledged for `seconds`.

    Stalls after rebalances are known of Faust (issues 175, 640, 523, 532).
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._acked = -1
        self._since: float | None = None

    def stalled(self, *, waiting: int, acked: int, now: float) -> bool:
        """Tell whether the worker is stalled.

        `waiting` messages lie in the log, `acked` were acknowledged since the start; `now` in
        seconds. Call it only with figures the broker has just confirmed: while the broker is
        away there is nothing to do but wait.
        """
        if acked != self._acked or not waiting:
            self._acked = acked
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._seconds
