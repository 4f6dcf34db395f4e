"""Whether a message belongs to a conversation: by what we know of it, else by how it looks.

Anyone can write In-Reply-To into a message, and bulk tools do.
"""

import re
from typing import Final

from features.conversation import thread_ids
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import is_freemail

__all__ = ["claims_answer", "claims_reply", "is_reply", "names_thread"]

# "Re:", "AW:", "[list] Antwort:", "RE[2]:": any short word, as each language has its own.
_PREFIX = re.compile(
    r"\s{0,4}(?:\[[^\[\]]{1,60}\]\s{0,4})?([^\W\d_]{1,8})(?:[\[(]\d{1,3}[\])])?\s?[:\uff1a]"
)


# What mail programs write before the subject of an answer, and nobody else does.
_REPLIES: Final = frozenset(
    {"re", "aw", "antw", "antwort", "sv", "vs", "res", "rif", "odp", "ynt", "atb", "bls", "ref"}
    | {
        "\u56de\u590d",
        "\u56de\u8986",
        "\u7b54\u590d",
        "\u8fd4\u4fe1",
        "\u043e\u0442\u0432",
        "\u043e\u0442\u0432\u0435\u0442",
    }
)

# How mail programs introduce what they quote, in the languages that are known.
_QUOTED: Final = re.compile(
    r"(?im)^ {0,2}>|\b(?:wrote|writes|schrieb|a \w?crit|escribi\w|escreveu|ha scritto|schreef)\b"
    r"|\b(?:napisa\w|pisze|from|von|de|da|van|od|sent|gesendet) ?:|original message"
    "|\u5199\u9053|\u5beb\u9053|\u66f8\u304d|\u043f\u0438\u0448\u0435\u0442|\u043f\u0438\u0441\u0430\u043b|\u043e\u0442:"
)
_QUOTED_WITHIN = 20_000
_LURES: Final = ("credentials", "suspension", "mailbox", "wallet", "parcel", "prize", "extortion")


def claims_reply(evidence: Evidence) -> bool:
    """Say whether the subject begins as an answer's does, in the languages that are known."""
    found = _PREFIX.match(evidence.headers.subject)
    return found is not None and found[1].lower() in _REPLIES


def claims_answer(evidence: Evidence) -> bool:
    """Say whether the subject begins as an answer's or a forward's does."""
    return _PREFIX.match(evidence.headers.subject) is not None


def is_reply(evidence: Evidence) -> bool:
    """Say whether a message is, or well may be, the answer that In-Reply-To says it is."""
    return (
        evidence.headers.in_reply_to
        and names_thread(evidence)
        and (
            evidence.history["thread.answers"] == 1
            or (claims_answer(evidence) and _looks_answered(evidence))
        )
    )


def _looks_answered(evidence: Evidence) -> bool:
    """Say whether a message quotes what it answers, or has no lure to click that would gain by it.

    A page that alarms and leads elsewhere is no conversation for three header fields.
    """
    content = evidence.content
    return (
        not content.is_html
        or not evidence.links.foreign
        or not any(content.phrases.get(group) for group in _LURES)
        or _QUOTED.search(content.text[:_QUOTED_WITHIN]) is not None
    )


def names_thread(evidence: Evidence) -> bool:
    """Say whether a message names others as its thread, and may be believed to belong to it.

    Where the state was asked: it answers a message of ours, or our users write to its author (what
    they wrote longer ago is forgotten). Else it names whole Message-IDs, not only of the sender's
    own domain, and In-Reply-To and References agree (RFC 5322, 3.6.4).
    """
    headers = evidence.headers
    if not (headers.in_reply_to or headers.references):
        return False
    answers = evidence.history["thread.answers"]
    if answers >= 0:
        return answers == 1 or evidence.history["pair.known"] > 0
    parents, references = thread_ids(evidence.message)
    named = [*parents, *references]
    if not named or not all(map(_is_whole, named)):
        return False
    own = headers.from_.domain.registrable
    if (
        own
        and not is_freemail(own)
        and all(split_host(_host(it)).registrable == own for it in named)
    ):
        return False
    return not (parents and references) or not set(parents).isdisjoint(references)


def _host(message_id: str) -> str:
    return message_id.rpartition("@")[2].lower()


def _is_whole(message_id: str) -> bool:
    left, _, host = message_id.rpartition("@")
    return bool(left and host)
