"""Stories with nothing behind them: whom a message speaks for, what it asks, and from where."""

from detectors.brand_proof import proven_brand
from detectors.brands import brand_of, compact, is_own
from detectors.checks import Checks, Hit
from detectors.content import lure
from detectors.impersonation import AGENCY_LINKS, share_of_links
from detectors.labels import looks_random
from detectors.relations import Relations, leads_home, relate
from detectors.strange_links import BAIT, kinds_of, misnamed
from detectors.telephones import has_telephone
from features.hosts import host_traits, is_freemail

__all__ = ["DETECTOR"]

DETECTOR = Checks("combinations", relate)

_CHEAP = frozenset({"cheap_tld", "free_host"})
_BLIND_COPY = 0.7
_NEWER = 0.6  # of an ending such as .shop, which shops have
_ORDER = frozenset(
    (
        "order", "renewal", "renewed", "subscription", "invoice", "payment", "confirmation",
        "receipt", "statement", "transaction", "purchase", "purchased", "membership",
        "bestellung", "rechnung", "abonnement", "zahlung", "commande", "facture", "paiement",
        "pedido", "factura", "compra", "pago", "fatura", "pagamento", "ordine", "fattura",
        "acquisto", "bestelling", "factuur", "betaling",
    )
)  # fmt: skip
_ORDER_WORDS = 200  # of the beginning, in which a bill says what it is
_SHORT_TEXT = 200  # characters beside an attachment that says the rest
_BEGINNING = 4_000  # characters in which a telephone number is looked for
_INSISTS = 2  # phrases: an honest bill says whom to call, once
_PITCH_TEXT = range(11, 400)  # characters
_ASKS = frozenset(
    (
        "reply", "respond", "contact", "interested", "available", "favor", "favour", "urgent",
        "antworten", "antwort", "melden", "repondre", "contacter", "responder", "contactar",
        "contatto", "rispondere", "antwoorden",
    )
)  # fmt: skip


def _to_nobody(parties: Relations) -> bool:
    return "@" not in parties.evidence.message.first("to")


def _unaccountable(parties: Relations) -> bool:
    """Say whether anyone may have sent it to anybody: a free mailbox, or no name in To."""
    return is_freemail(parties.evidence.headers.from_.domain.registrable) or _to_nobody(parties)


def _throw_away(parties: Relations) -> float:
    """Return how far the sender's domain looks as if it were had for nothing, in [0, 1]."""
    author = parties.evidence.headers.from_
    traits = host_traits(author.host)
    if traits & _CHEAP or looks_random(author.domain.label):
        return 1.0
    # A country's own ending is everybody's there, however cheap it is.
    country = len(author.domain.suffix.rpartition(".")[2]) == 2
    if "new_tld" not in traits or country or brand_of(author.domain, parties.brands):
        return 0.0
    fits = leads_home(parties.evidence) and not misnamed(parties.evidence.headers)
    return 0.0 if fits else _NEWER


def _about_an_order(parties: Relations) -> bool:
    evidence = parties.evidence
    return not (
        _ORDER.isdisjoint(evidence.headers.subject_words)
        and _ORDER.isdisjoint(evidence.content.words[:_ORDER_WORDS])
    )


@DETECTOR.signal(
    "subject_brand_lure",
    "phish",
    "The subject names a brand, the text lures or alarms, and neither sender nor links are it.",
)
def _subject_brand_lure(parties: Relations) -> Hit | None:
    links = parties.evidence.links.domains
    if not parties.subject_claims or not links or parties.bulk:
        return None
    if not kinds_of(parties, ("credentials", *BAIT)):
        return None
    for claim in parties.subject_claims:
        if links.isdisjoint(claim.brand.domains):
            brand = claim.brand.name
            reason = f"It is about {brand}, but comes from {parties.sender} and leads elsewhere"
            return Hit(reason, {"brand": brand, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "display_name_brand_lure",
    "phish",
    "The sender is named like a brand, the text lures or bills, and no link is the brand's.",
)
def _display_name_brand_lure(parties: Relations) -> Hit | None:
    if not parties.strange_claims or parties.conversation:
        return None
    if not kinds_of(parties, ("credentials", "invoice", "callback", *BAIT)):
        return None
    links = parties.evidence.links.domains
    label = compact(parties.evidence.headers.from_.domain.label)
    for claim in parties.strange_claims:
        if any(compact(phrase) in label for phrase in claim.brand.phrases):
            continue  # a sister's or an agency's domain, or a lookalike, which has its own signal
        if share_of_links(parties.evidence, claim.brand) >= AGENCY_LINKS:
            continue
        if links.isdisjoint(claim.brand.domains):
            brand = claim.brand.name
            reason = f"It speaks as {brand} about account or money, from {parties.sender}"
            return Hit(reason, {"brand": brand, "from_domain": parties.sender})
    return None


@DETECTOR.signal(
    "brand_sender_unproven",
    "phish",
    "A brand's domain in From, unproven, while bounces and all links lead to strangers.",
)
def _brand_sender_unproven(parties: Relations) -> Hit | None:
    headers = parties.evidence.headers
    if not parties.foreign or parties.bulk or parties.evidence.authentication.aligned:
        return None
    brand = brand_of(headers.from_.domain, parties.brands)
    bounces = headers.return_path.domain
    if brand is None or not bounces.registrable or is_own(brand, bounces):
        return None
    if is_freemail(headers.from_.domain.registrable):
        return None
    if proven_brand(parties.evidence, parties.brands):
        return None
    target = parties.leads_to
    reason = f"It claims to be from {brand.name}, proves nothing of it, and leads to {target}"
    return Hit(reason, {"brand": brand.name, "target": target})


@DETECTOR.signal(
    "cheap_sender_lure",
    "spam",
    "The sender's domain costs next to nothing or looks drawn by a machine, and the text lures.",
)
def _cheap_sender_lure(parties: Relations) -> Hit | None:
    how = _throw_away(parties)
    if not how or (not lure(parties.evidence) and not kinds_of(parties, BAIT)):
        return None
    return Hit(
        f"It lures or alarms, from the cheap, free or made-up domain {parties.sender}",
        {"from_domain": parties.sender},
        how,
    )


@DETECTOR.signal(
    "cheap_sender_misnamed",
    "spam",
    "A domain that costs next to nothing, a name that doesn't fit it, and a designed message.",
)
def _cheap_sender_misnamed(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if not evidence.content.is_html or not evidence.links.all or parties.conversation:
        return None
    how = _throw_away(parties)
    if not how or not misnamed(evidence.headers):
        return None
    reason = f"The sender's name has nothing to do with {parties.sender}, a throw-away domain"
    return Hit(reason, {"from_domain": parties.sender}, how)


@DETECTOR.signal(
    "free_mail_lure_links",
    "phish",
    "A free mailbox sends links and writes of two among accounts, prizes, parcels and wallets.",
)
def _free_mail_lure_links(parties: Relations) -> Hit | None:
    domain = parties.evidence.headers.from_.domain.registrable
    if not parties.foreign or parties.bulk or not is_freemail(domain):
        return None
    if kinds_of(parties, ("credentials", *BAIT)) < 2:
        return None
    reason = f"A free mailbox at {domain} writes as only companies do, and sends links"
    return Hit(reason, {"from_domain": domain})


@DETECTOR.signal(
    "attachment_callback",
    "phish",
    "Hardly any text and no link: an attached PDF or picture speaks of an order, from anybody.",
)
def _attachment_callback(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if not evidence.attachments.all or evidence.links.domains or parties.conversation:
        return None
    found = next((a for a in evidence.attachments.all if a.kind in {"pdf", "image"}), None)
    if found is None or len(evidence.content.text.strip()) > _SHORT_TEXT:
        return None
    if not _unaccountable(parties) or not _about_an_order(parties):
        return None
    kind = "PDF" if found.kind == "pdf" else "picture"
    free = is_freemail(
        evidence.headers.from_.domain.registrable
    )  # a firm's own may be a blind copy
    return Hit(
        f"A bill comes as a {kind} with hardly a word",
        {"kind": found.kind},
        1.0 if free else _BLIND_COPY,
    )


@DETECTOR.signal(
    "telephone_callback",
    "phish",
    "No link but a telephone number to call about an order, from a free mailbox or to nobody.",
)
def _telephone_callback(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if evidence.links.domains or parties.bulk or not kinds_of(parties, ("callback",)):
        return None
    free = is_freemail(evidence.headers.from_.domain.registrable)
    insists = _to_nobody(parties) and evidence.content.phrases["callback"] >= _INSISTS
    if not (free or insists) or not _about_an_order(parties):
        return None
    if not has_telephone(evidence.content.folded[:_BEGINNING]):
        return None
    who = "A free mailbox" if free else "A mail to nobody by name"
    return Hit(f"{who} bills for an order and wants you to call a telephone number")


@DETECTOR.signal(
    "calendar_lure",
    "phish",
    "An invitation whose subject lures, alarms or bills: it enters calendars unasked.",
)
def _calendar_lure(parties: Relations) -> Hit | None:
    evidence = parties.evidence
    if not any(attachment.kind == "calendar" for attachment in evidence.attachments.all):
        return None
    subject = evidence.content.subject_phrases
    if not lure(evidence) and not subject.get("invoice") and not subject.get("credentials"):
        return None
    reason = f"An invitation from {parties.sender} lures, alarms or bills"
    return Hit(reason, {"from_domain": parties.sender})


@DETECTOR.signal(
    "short_pitch_to_nobody",
    "spam",
    "A few words without a link ask for an answer: to nobody by name, or to another address.",
)
def _short_pitch_to_nobody(parties: Relations) -> Hit | None:
    evidence, headers = parties.evidence, parties.evidence.headers
    if evidence.links.all or parties.bulk or len(evidence.content.text.strip()) not in _PITCH_TEXT:
        return None
    sender = headers.from_.domain.registrable
    elsewhere = headers.reply_to and all(
        mailbox.domain.registrable != sender for mailbox in headers.reply_to
    )
    if not elsewhere and not _to_nobody(parties):
        return None
    if _ASKS.isdisjoint(evidence.content.words):
        return None
    where = "with answers going elsewhere" if elsewhere else "to nobody by name"
    return Hit(f"A few words without a link, {where}, ask for an answer")
