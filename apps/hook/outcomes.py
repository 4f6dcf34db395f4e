"""What becomes of a message by the verdicts on it: the action, the reply, the header fields."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from apps.hook.fields import OWN_NAMES, authentication_results, folded, spam_fields
from apps.hook.outcome import Field, Outcome, Reply
from apps.hook.rejection import deferral, refusal
from apps.hook.tenants import Share
from detectors.actions import ACTIONS, Action
from detectors.policy import Policy
from detectors.verdict import Verdict
from features.envelope import Fact, LogPosition
from streams.tokens import HEADER, sign_token

__all__ = ["Installation", "Judged", "failed", "outcome"]


class Installation(NamedTuple):
    """What outcomes must be told: the key of tokens, our authserv-ids, who verifies."""

    token_key: bytes
    authserv_ids: tuple[str, ...] = ()
    upstream_verifies: bool = False

    @property
    def forged(self) -> tuple[str, ...]:
        """The identifiers whose Authentication-Results are forged, as nobody of ours wrote them."""
        return () if self.upstream_verifies else self.authserv_ids


class Judged(NamedTuple):
    """A share of the recipients, the verdict on the message for them, and their policy."""

    share: Share
    verdict: Verdict
    policy: Policy


def outcome(
    judged: Sequence[Judged], installation: Installation, facts: Mapping[str, Fact]
) -> Outcome:
    """Return what is done with a message; `judged` has one entry or more.

    Where tenants disagree, the mildest of their actions holds for all, so that nobody gets worse
    than their own policy says (but see `_decided`), and X-Weir-Status says for each tenant what
    it wanted. Of its recipients it names their domains as the settings have them, and no address:
    a blind copy stays blind. Where tenants agree nothing is said of them; each has its own
    X-Weir-Id always.
    """
    mildest, action = _decided(judged)
    first = (mildest, *(one for one in judged if one is not mildest))
    ids = [one.verdict.id for one in first]
    several = len({one.verdict.action for one in first}) > 1
    return Outcome(
        action=action,
        verdicts=tuple(one.verdict for one in first),
        reply=_reply(action, mildest, ids),
        remove=OWN_NAMES,
        authserv_ids=installation.forged,
        add=(
            *_marks(mildest.verdict),
            *(_status(one, several=several) for one in (first if several else first[:1])),
            *(_token(one.verdict, installation.token_key) for one in first),
            *authentication_results(next(iter(installation.authserv_ids), ""), facts),
        ),
        subject=f"{mildest.policy.subject_tag} " if action == "rewrite_subject" else "",
        hold=_hold(mildest.verdict) if action == "quarantine" else "",
    )


def failed(policy: Policy, installation: Installation, *, outbound: bool) -> Outcome:
    """Return what is done where a defect of ours left no verdict: the policy's `on_failure`.

    Mail of our own users isn't deferred for our own faults.
    """
    action = policy.on_failure
    if (outbound and action == "defer") or policy.shadow:
        action = "accept"
    return Outcome(
        action=action,
        reply=deferral((), unsure=True) if action == "defer" else None,
        remove=OWN_NAMES,
        authserv_ids=installation.forged,
        add=(folded("X-Weir-Status", f"degraded; missing=hook; action={action}"),),
        hold="weir: not judged" if action == "quarantine" else "",
    )


_HARSHNESS: Final[Mapping[Action, int]] = {action: rank for rank, action in enumerate(ACTIONS)}


def _decided(judged: Sequence[Judged]) -> tuple[Judged, Action]:
    """Return whose verdict holds for all, and what is done.

    A tenant for whom nobody has answered in time hasn't said that it wants a message: where all
    others refuse it, it is deferred. Else a sender who names more tenants' recipients than are
    judged in the time would buy acceptance with that.
    """
    mildest = min(judged, key=_harshness)
    said = [one for one in judged if one.verdict.kind != "fallback" or one.policy.shadow]
    if mildest not in said and said:
        known = min(said, key=_harshness)
        if _harshness(mildest) < _HARSHNESS["defer"] < _harshness(known):
            return known, "defer"
    return mildest, mildest.verdict.action


def _harshness(one: Judged) -> int:
    return _HARSHNESS[one.verdict.action]


def _reply(action: Action, one: Judged, ids: Sequence[str]) -> Reply | None:
    if action == "reject":
        return refusal(one.policy, ids)
    if action == "defer":
        return deferral(ids, unsure=one.verdict.kind == "fallback" or one.verdict.logit is None)
    return None


def _marks(verdict: Verdict) -> tuple[Field, ...]:
    """Return the marks for mail readers; mail that we let out tells nobody outside its score."""
    if verdict.direction == "outbound" and verdict.action == "accept":
        return ()
    return spam_fields(verdict)


def _status(one: Judged, *, several: bool) -> Field:
    verdict, share = one.verdict, one.share
    said = ["judged"]
    if verdict.degraded or verdict.kind == "fallback":
        said = ["degraded", f"missing={','.join(verdict.degraded) or 'verdict'}"]
    if several:
        said.append(f"tenant={share.tenant}")
        if share.domains:
            said.append(f"domains={', '.join(share.domains)}")
    said += [f"action={verdict.action}", f"class={verdict.class_}"]
    withheld = [name for name in verdict.shadow if name.startswith("action:")]
    said += [f"withheld={name.removeprefix('action:')}" for name in withheld]
    return folded("X-Weir-Status", "; ".join(said))


def _token(verdict: Verdict, key: bytes) -> Field:
    log = verdict.log
    position = None if log is None else LogPosition(log.epoch, log.partition, log.offset)
    return Field(HEADER, sign_token(key, verdict.id, position))


def _hold(verdict: Verdict) -> str:
    score = "" if verdict.score is None else f" score {verdict.score:.3f}"
    return f"weir: {verdict.class_}{score} id {verdict.id}"
