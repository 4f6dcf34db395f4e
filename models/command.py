"""Commands to the learner: what an operator wants done with the models (docs/topics/label.md)."""

from datetime import datetime
from typing import Final, Literal

import msgspec

__all__ = ["ACTS", "Act", "Command"]

Act = Literal["freeze", "thaw", "rollback", "shadow", "promote", "retire"]

ACTS: Final[tuple[Act, ...]] = ("freeze", "thaw", "rollback", "shadow", "promote", "retire")


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`weir.model.command`: a record of mail.labels that the learner alone executes, in order.

    freeze, thaw
        stop and resume learning from labels; counts go on. No artifact is named.
    rollback
        makes the artifact `digest` live again, an earlier online snapshot or classifier.
    shadow, promote, retire
        give the artifact `digest` that stage: it scores and acts on nothing, it is live, or it is
        let go.

    `model`, `name`, `digest` and `sequence` are those of the artifact's Pointer; it lies in the
    folder of `models.snapshots` before the command is published. `reason` is an operator's, for
    the record.
    """

    schema: int = 1
    id: str
    act: Act
    model: Literal["online", "classifier"] | None = None
    name: str = ""
    digest: str = ""
    sequence: int = 0
    reason: str = ""
    given_at: datetime
