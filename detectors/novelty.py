"""What is new about a sender as far as Weir has seen; new alone is never a reason to reject."""

from detectors.checks import Checks, Hit
from detectors.standing import DAY, HOUR, Standing, stand
from detectors.wording import duration, plural
from features.hosts import is_freemail

__all__ = ["DETECTOR", "WATCHED"]

DETECTOR = Checks("novelty", stand)

WATCHED = 14 * DAY
_LONG = 30 * DAY
_OFTEN = 30  # messages
_SETTLED = 2.0  # networks


@DETECTOR.signal(
    "first_contact",
    "spam",
    "A sender first seen less than three days ago writes to people that it never wrote to.",
)
def _first_contact(standing: Standing) -> Hit | None:
    history = standing.history
    if not (standing.young and standing.stranger):
        return None
    age = history["sender.age"]
    seen = f"first seen {duration(age)} ago" if age >= HOUR else "never seen before this hour"
    return Hit(f"First contact, and its sender was {seen}", {"age": age})


@DETECTOR.signal(
    "new_sender",
    "spam",
    "The sender was first seen today though its server or links have been watched for weeks.",
)
def _new_sender(standing: Standing) -> Hit | None:
    # A sender is only as new as we are old: something else must have been seen long ago.
    age, watched = standing.history["sender.age"], standing.witnessed
    if standing.outbound or not (age < DAY and watched >= WATCHED):
        return None
    host = standing.parties.evidence.headers.from_.domain.registrable
    return Hit(
        f"{standing.parties.sender} was first seen today, "
        f"though what it uses has been known for {duration(watched)}",
        {"age": age, "watched": watched, "from_domain": standing.parties.sender},
        0.5 if is_freemail(host) else 1.0,
    )


@DETECTOR.signal(
    "new_sender_new_links",
    "spam",
    "A sender first seen days ago links to domains, not its own, that were never seen before.",
)
def _new_sender_new_links(standing: Standing) -> Hit | None:
    links = standing.parties.evidence.links
    new = standing.history["links.new"] - len(links.domains & standing.parties.own)
    if standing.outbound or not (standing.young and new >= 1):
        return None
    return Hit(
        f"A new sender, and it links to {plural(round(new), 'domain')} never seen before",
        {"age": standing.history["sender.age"], "new": new},
    )


@DETECTOR.signal(
    "known_sender_new_network",
    "spam",
    "A proven sender, known for long and settled, writes from a network that it never used.",
)
def _known_sender_new_network(standing: Standing) -> Hit | None:
    history, age = standing.history, standing.history["sender.age"]
    known = age >= _LONG and history["sender.messages"] >= _OFTEN
    settled = history["sender.networks_1d"] <= _SETTLED
    if standing.outbound or not (standing.proven and known and settled):
        return None
    if not history["route.age"] < HOUR:
        return None
    return Hit(
        f"{standing.parties.sender}, known for {duration(age)}, writes from a new network",
        {"age": age, "route_age": history["route.age"], "from_domain": standing.parties.sender},
    )
