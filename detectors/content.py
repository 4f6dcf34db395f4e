"""What the text asks for, and what is done to it so that filters don't read it."""

from collections.abc import Mapping
from typing import Final

from detectors.checks import Checks, Hit, evidence_itself
from detectors.relations import leads_home
from features.evidence import Evidence

__all__ = ["DETECTOR"]


DETECTOR = Checks("content", evidence_itself)

_BEYOND = {
    "depth_over_limit": "nested parts",
    "html_nodes_over_limit": "HTML",
    "parts_over_limit": "parts",
}
_STYLE_JUNK = 2_000  # characters of style block that are no CSS
_IMAGE_MOSTLY = range(60, 300)  # characters of visible text
_MIXED_WORDS = 2
_ZERO_WIDTH = 2
_SELECTORS = 3
_INSISTS = 3  # phrases: more than one of each
_BILL = 2  # phrases
_MILD = 0.5  # of what honest mail says too, where other things speak for it


def _phrases(evidence: Evidence, group: str) -> int:
    return evidence.content.phrases.get(group, 0)


@DETECTOR.signal(
    "suspension_and_credentials",
    "phish",
    "The text speaks of a blocked account and asks to confirm or enter account data.",
)
def _suspension_and_credentials(evidence: Evidence) -> Hit | None:
    suspension, credentials = _phrases(evidence, "suspension"), _phrases(evidence, "credentials")
    if not (suspension and credentials):
        return None
    # A bill says that an account "will be charged", and where to sign in.
    bill = _phrases(evidence, "invoice") >= _BILL
    mild = bill or (suspension + credentials < _INSISTS and leads_home(evidence))
    return Hit(
        "It speaks of a blocked account and asks you to confirm your data",
        strength=_MILD if mild else 1.0,
    )


@DETECTOR.signal("prize_phrases", "spam", "Several phrases promise a prize, gift or reward.")
def _prize_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "prize")
    return Hit("It promises a prize or gift", {"phrases": count}) if count >= 2 else None


@DETECTOR.signal(
    "wallet_phrases", "phish", "Three or more phrases of crypto wallets, tokens and seed phrases."
)
def _wallet_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "wallet")
    if count < 3:
        return None
    known = leads_home(evidence) or evidence.headers.list_unsubscribe  # an exchange, a newsletter
    strength = _MILD if known else 1.0
    return Hit("It is about crypto wallets or tokens", {"phrases": count}, strength)


@DETECTOR.signal(
    "advance_fee_phrases",
    "spam",
    "Three or more phrases of inheritance, donation and secret partnership stories.",
)
def _advance_fee_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "advance_fee")
    if count < 3:
        return None
    # Charities and banks speak of donations and loans, and have a site of their own.
    mild = leads_home(evidence) or evidence.headers.list_unsubscribe
    reason = "It tells the story of advance-fee fraud: money that waits for you"
    return Hit(reason, {"phrases": count}, _MILD if mild else 1.0)


@DETECTOR.signal("extortion_phrases", "phish", "Two or more phrases of hacked-webcam blackmail.")
def _extortion_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "extortion")
    reason = "It threatens with recordings or hacked devices"
    return Hit(reason, {"phrases": count}) if count >= 2 else None


@DETECTOR.signal(
    "parcel_phrases", "phish", "Two or more phrases of a parcel that waits for a fee or an address."
)
def _parcel_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "parcel")
    return Hit("It is about a parcel on its way", {"phrases": count}) if count >= 2 else None


@DETECTOR.signal(
    "lure_subject",
    "phish",
    "The subject has two or more phrases of threat, prize, parcel, wallet or haste.",
)
def _lure_subject(evidence: Evidence) -> Hit | None:
    count = lure(evidence)
    if count < 2:
        return None
    subject = evidence.content.subject_phrases
    about = ", ".join(words for group, words in _LURES.items() if subject.get(group, 0))
    # A monitor calls for help in haste, in plain text and with nothing to buy.
    alarm = count == subject.get("urgency", 0) and not evidence.content.is_html
    strength = _MILD if alarm else 1.0
    return Hit(f"The subject has words of lures ({about})", {"phrases": count}, strength)


def lure(evidence: Evidence) -> int:
    """Return how many lure phrases the subject holds; of a mere topic, one at most.

    Who sends parcels or trades in coins names them more than once.
    """
    subject = evidence.content.subject_phrases
    if not any(subject.values()):
        return 0
    return sum(
        min(1, found) if group in _TOPICS else found
        for group in _LURES
        if (found := subject.get(group, 0))
    )


_TOPICS = frozenset({"parcel", "wallet"})


_LURES: Final[Mapping[str, str]] = {
    "suspension": "a blocked account",
    "prize": "a prize or gift",
    "parcel": "a parcel",
    "wallet": "crypto money",
    "mailbox": "your mailbox",
    "urgency": "haste",
    "spam_goods": "pills, dating or the like",
}


@DETECTOR.signal(
    "style_block_junk", "spam", "A style block holds thousands of characters that are no style."
)
def _style_block_junk(evidence: Evidence) -> Hit | None:
    junk = evidence.content.style_junk
    reason = "A style block holds text that is no style, as mail that hides from filters does"
    if junk < _STYLE_JUNK:
        return None
    # A newsletter's template engine may leave its own code there.
    return Hit(reason, {"characters": junk}, _MILD if evidence.headers.list_unsubscribe else 1.0)


@DETECTOR.signal(
    "image_mostly", "spam", "A linked image with hardly any text around it carries the message."
)
def _image_mostly(evidence: Evidence) -> Hit | None:
    content = evidence.content
    if not content.is_html or len(content.text.strip()) not in _IMAGE_MOSTLY:
        return None
    if not any(image.linked for image in content.images):
        return None
    return Hit("The message is a clickable picture with hardly any text")


@DETECTOR.signal(
    "mixed_script_words", "phish", "Words of the body mix alphabets so that filters misread them."
)
def _mixed_script_words(evidence: Evidence) -> Hit | None:
    count = evidence.content.mixed_script_words
    reason = "Words of the text are put together from different alphabets"
    return Hit(reason, {"words": count}) if count >= _MIXED_WORDS else None


@DETECTOR.signal("zero_width_in_words", "spam", "Invisible characters split words of the body.")
def _zero_width_in_words(evidence: Evidence) -> Hit | None:
    count = evidence.content.zero_width_in_word
    reason = "Words of the text are split by invisible characters"
    return Hit(reason, {"characters": count}) if count >= _ZERO_WIDTH else None


@DETECTOR.signal(
    "invisible_selectors", "spam", "Variation selectors or tag characters are hidden in the text."
)
def _invisible_selectors(evidence: Evidence) -> Hit | None:
    count = evidence.content.invisible_selectors
    reason = "The text is stuffed with characters that nobody sees"
    return Hit(reason, {"characters": count}) if count >= _SELECTORS else None


@DETECTOR.signal(
    "password_field", "phish", "The message itself has a form that asks for a password."
)
def _password_field(evidence: Evidence) -> Hit | None:
    if not evidence.content.password_inputs:
        return None
    return Hit("The message itself asks for a password in a form")


@DETECTOR.signal(
    "more_than_is_read",
    "spam",
    "HTML, links, parts or attachments beyond what is read: padding may hide a lure.",
)
def _more_than_is_read(evidence: Evidence) -> Hit | None:
    beyond = [what for flag, what in _BEYOND.items() if flag in evidence.flags]
    if evidence.content.is_html and "text_over_limit" in evidence.flags:
        beyond.append("HTML")
    if evidence.links.dropped:
        beyond.append("links")
    if evidence.attachments.dropped:
        beyond.append("attachments")
    if not beyond:
        return None
    found = ", ".join(sorted(set(beyond)))
    return Hit(
        f"It goes beyond what is read of one message ({found}): the rest was not looked at",
        {"beyond": found},
    )


@DETECTOR.signal(
    "spam_goods_phrases", "spam", "Two or more phrases of pills, diets, dating or casinos."
)
def _spam_goods_phrases(evidence: Evidence) -> Hit | None:
    count = _phrases(evidence, "spam_goods")
    what = "It advertises pills, dating, casinos or the like"
    return Hit(what, {"phrases": count}) if count >= 2 else None


@DETECTOR.signal(
    "impersonal_greeting_lure",
    "phish",
    "It addresses nobody by name and speaks of a locked account, a prize, a fine or a parcel.",
)
def _impersonal_greeting_lure(evidence: Evidence) -> Hit | None:
    if not _phrases(evidence, "greeting"):
        return None
    count = sum(_phrases(evidence, group) for group in _PERSONAL)
    headers = evidence.headers
    if not count or headers.list_unsubscribe or headers.list_id or headers.in_reply_to:
        return None
    return Hit(
        "It is about your account, parcel or prize, and greets you without a name",
        {"phrases": count},
        _MILD if count == 1 or leads_home(evidence) else 1.0,
    )


_PERSONAL = ("suspension", "credentials", "mailbox", "prize", "wallet", "legal", "extortion")
