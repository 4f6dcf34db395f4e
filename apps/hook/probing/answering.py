"""What a running hook answers to the test message of `weir doctor`."""

import time
from collections.abc import Callable, Sequence

from apps.hook.fields import folded
from apps.hook.outcome import Outcome
from apps.hook.probing.message import is_test_message
from apps.hook.submission import Check, Submission

__all__ = ["with_test_messages"]


def with_test_messages(check: Check, key: bytes, missing: Callable[[], Sequence[str]]) -> Check:
    """Return a check that tells test messages what is `missing`, and hands on all other mail.

    A test message is signed with `key`, the installation's `token_key`. It goes no further: no
    verdict is given, published or counted, no sender gets known, nothing is learned.
    """

    async def checked(submission: Submission) -> Outcome:
        """Answer one message."""
        if not is_test_message(key, submission.raw, time.time()):
            return await check(submission)
        parts = missing()
        said = f"test; missing={','.join(parts)}" if parts else "test; ready"
        return Outcome(action="accept", add=(folded("X-Weir-Status", said),))

    return checked
