"""Which message is meant: by our token, by id, by Message-ID, else by its bytes where trusted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from apps.labels.intake import Candidate, Refused
from features.context import Context
from features.envelope import LogPosition
from models.label import Source, Target
from streams.labels.known import DAYS_BY_MESSAGE_ID, Known
from streams.stores.protocol import Mention
from streams.tokens import Token, read_token, sign_token

__all__ = ["Finder", "Found"]

_TRUSTED: Final[frozenset[Source]] = frozenset({"analyst", "trap"})

Search = Callable[[str], Awaitable[LogPosition | None]]


class Found(NamedTuple):
    """A candidate and the message it is of; `message` is that one's id, '' for a bare message.

    `note` says what a person should know of how it was found.
    """

    candidate: Candidate
    target: Target
    message: str
    note: str = ""


class Finder:
    """Finds messages; `token_key` is what our tokens are signed with.

    `search` looks for a message that isn't known by its id any more. `raw_bytes` bounds a
    bare message in a label's record.
    """

    def __init__(
        self,
        known: Known,
        context: Context,
        token_key: bytes,
        search: Search,
        *,
        tenant: str,
        raw_bytes: int,
    ) -> None:
        self._known = known
        self._context = context
        self._key = token_key
        self._search = search
        self._tenant = tenant
        self._raw_bytes = raw_bytes

    async def find(self, candidates: Sequence[Candidate]) -> list[Found | Refused]:
        """Find each candidate's message, in order; raises RedisError or StoreError."""
        tokens = [self._token(each) for each in candidates]
        ids = [each.ident for each in candidates if each.ident]
        positions = dict(zip(ids, await self._known.positions(ids), strict=True))
        for ident, position in positions.items():
            if position is None:
                positions[ident] = await self._search(ident)
        mentioned = [
            each.returned.message_id
            for each, token in zip(candidates, tokens, strict=True)
            if token is None and each.returned.message_id
        ]
        found = await self._known.by_message_id(mentioned, self._context, self._tenant)
        mentions = dict(zip(mentioned, found, strict=True))
        return [
            self._by_id(each, positions[each.ident])
            if each.ident
            else self._settle(each, token, mentions.get(each.returned.message_id))
            for each, token in zip(candidates, tokens, strict=True)
        ]

    def token(self, identifier: str, position: LogPosition | None) -> str:
        """Return the token of a message; raises ValueError for an id that none can carry."""
        return sign_token(self._key, identifier, position)

    def _token(self, candidate: Candidate) -> Token | None:
        """Return the topmost token that we signed: the hook writes ours above all others."""
        read = (read_token(self._key, text) for text in candidate.returned.tokens)
        return next((token for token in read if token), None)

    def _by_id(self, candidate: Candidate, position: LogPosition | None) -> Found | Refused:
        if position is None:
            return Refused(
                candidate.name,
                "no such file, and no message under this id, neither lately judged nor in the "
                "topic of verdicts; `weir verdicts --json` has the ids of messages",
            )
        return self._found(candidate, candidate.ident, position)

    def _settle(
        self, candidate: Candidate, token: Token | None, mention: Mention | None
    ) -> Found | Refused:
        name, form, returned = candidate.name, candidate.form, candidate.returned
        bare = form is None and not returned.message_id and returned.raw is None
        if token is not None and (token.position is not None or returned.raw is None):
            return self._found(candidate, token.id, token.position)
        if returned.tokens and (bare or form == "bounce"):
            return Refused(name, "the token is forged, or of another installation")
        if form == "bounce":
            return Refused(name, "brings no token of ours back, without which no bounce counts")
        if mention is not None:
            if mention.direction == "outbound" and form == "arf":
                return Refused(name, "about outbound mail, and brings no token of ours back")
            return self._found(candidate, mention.id, mention.position)
        return self._bare(candidate)

    def _bare(self, candidate: Candidate) -> Found | Refused:
        name, raw = candidate.name, candidate.returned.raw
        unknown = f"no message judged in the last {DAYS_BY_MESSAGE_ID} days has its Message-ID"
        if not candidate.returned.message_id:
            unknown = "it has neither a token of ours nor a Message-ID"
        if raw is None:
            return Refused(name, f"{unknown}, and only headers are given")
        if candidate.source not in _TRUSTED:
            return Refused(
                name, f"{unknown}; bare messages are learned from {' and '.join(sorted(_TRUSTED))}"
            )
        note = "learned as a bare message, of which only the content counts"
        if len(raw) > self._raw_bytes:
            raw, note = raw[: self._raw_bytes], f"{note}; its first {self._raw_bytes:,} bytes"
        return Found(candidate, Target(raw=raw), "", f"{unknown}: {note}")

    def _found(
        self, candidate: Candidate, identifier: str, position: LogPosition | None
    ) -> Found | Refused:
        """Name a message by a token, which leads to it for as long as the mail log has it."""
        if position is None:
            return Found(candidate, Target(id=identifier), identifier)
        try:
            token = self.token(identifier, position)
        except ValueError:  # an id that its publisher made up
            return Found(candidate, Target(id=identifier), identifier)
        return Found(candidate, Target(token=token), identifier)
