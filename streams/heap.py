"""Python's search for garbage cycles, kept out of the way of messages.

It holds the interpreter, and with it every message in hand. What a worker loads at its start,
150,000 objects of model and tables, lives as long as the process: to walk it again and again
costs 70 ms of CPU time a walk, and a tenth of all that a message costs.
"""

import gc
from typing import Final

__all__ = ["settle"]

_YOUNG: Final = 10_000  # a batch makes thousands of objects, and hardly a cycle


def settle() -> None:
    """Take all that is there now for permanent; what comes is searched less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 10, 10)
