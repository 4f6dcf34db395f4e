"""How fast a sender, a content or a signature spreads, held to the sender's own past."""

from typing import Final

from detectors.checks import Checks, Hit
from detectors.standing import DAY, Standing, stand
from detectors.wording import about, counted, duration, rising

__all__ = ["DETECTOR"]

DETECTOR = Checks("velocity", stand)

_FEW, _MANY = 20.0, 200.0  # messages a day, half as many within an hour, or recipients
_ALIKE = 3.5  # distinct contents, an estimate
_VARIED, _MASS = 0.7, 0.5
_HOUR_FEW = 30.0  # messages; slower than that, nothing is a burst
_USUAL: Final = 144.0  # a steady sender's count of 7 days less that of one, by that of one hour
_TIMES_ACCOUNT, _TIMES = 30.0, 400.0  # a weekly newsletter comes to 250
_SAID_TIMES = 1_000
_STRANGERS, _STRANGERS_ACCOUNT = 15.0, 30.0
_MOSTLY = 0.7
_NETWORKS = 5.0
_BOUNCES = 8.0
_BOUNCED_SHARE = 0.15
_SENDERS = 6.0
_SENDERS_RECIPIENTS = 10.0
_REPLAYED = 40.0
_REPLAY_RECIPIENTS = 2  # of one delivery; a blind copy to many has one signature by right


@DETECTOR.signal(
    "burst_new_sender",
    "spam",
    "A sender first seen less than three days ago sends many messages, or to many recipients.",
)
def _burst_new_sender(standing: Standing) -> Hit | None:
    history = standing.history
    age, messages = history["sender.age"], history["sender.messages"]
    # The estimate may be more than there were at all.
    recipients = min(history["sender.recipients_1d"], history["sender.recipients"])
    pace = max(history["sender.messages_1d"], 2 * history["sender.messages_1h"], recipients)
    if not (standing.young and messages >= 1 and recipients >= 1 and pace >= _FEW):
        return None
    alike = history["sender.contents_1d"] <= _ALIKE
    sent, reached = counted(messages, "message"), about(recipients, "recipient")
    said = f"First seen {duration(age)} ago, {sent} to {reached}"
    inputs = {"age": age, "messages": messages, "recipients": recipients}
    if alike:
        said, inputs["contents_1d"] = f"{said}, all alike", history["sender.contents_1d"]
    share = (1.0 if alike else _VARIED) * (_MASS if standing.mass else 1.0)
    return Hit(said, inputs, share * rising(pace, _FEW, _MANY))


@DETECTOR.signal(
    "burst_own_past",
    "spam",
    "A sender sends many times as much within the hour as in its past; one of good record may.",
)
def _burst_own_past(standing: Standing) -> Hit | None:
    history = standing.history
    if standing.recent or (standing.good and not standing.outbound):
        return None
    hour = history["sender.messages_1h"]
    past = history["sender.messages_7d"] - history["sender.messages_1d"]
    least = _TIMES_ACCOUNT if standing.outbound else _TIMES
    if not (history["sender.age"] >= DAY and hour >= _HOUR_FEW and hour * _USUAL >= least * past):
        return None
    times = round(min(_SAID_TIMES, hour * _USUAL / max(past, 1.0)))
    over = "over " if times == _SAID_TIMES else ""
    sent = counted(hour, "message")
    return Hit(
        f"{sent} within the hour, {over}{times} times what this sender usually sends",
        {"messages_1h": hour, "past_7d": past, "times": times},
        rising(hour, _HOUR_FEW, 10 * _HOUR_FEW) * (_MASS if standing.mass else 1.0),
    )


@DETECTOR.signal(
    "many_first_contacts",
    "spam",
    "A sender we know writes mostly to people that it never wrote to before.",
)
def _many_first_contacts(standing: Standing) -> Hit | None:
    history = standing.history
    least = _STRANGERS_ACCOUNT if standing.outbound else _STRANGERS
    first, today = history["sender.first_contacts_1d"], history["sender.messages_1d"]
    if standing.recent or standing.mass or (standing.good and not standing.outbound):
        return None
    if not (first >= least and first >= _MOSTLY * today):
        return None
    return Hit(
        f"It wrote to {counted(first, 'recipient')} for the first time within a day",
        {"first_contacts_1d": first, "messages_1d": today},
        rising(first, least, 10 * least),
    )


@DETECTOR.signal(
    "many_networks",
    "spam",
    "An account, or a proven sender first seen days ago, sends from many networks within two days.",
)
def _many_networks(standing: Standing) -> Hit | None:
    networks = standing.history["sender.networks_1d"]
    if not (networks >= _NETWORKS and (standing.outbound or (standing.young and standing.proven))):
        return None
    who = "This account" if standing.outbound else "This new sender"
    return Hit(
        f"{who} sent from {about(networks, 'network')} within two days",
        {"networks_1d": networks},
        rising(networks, _NETWORKS, 4 * _NETWORKS),
    )


@DETECTOR.signal(
    "account_bounces", "spam", "Much of what an account of ours sent within a day came back."
)
def _account_bounces(standing: Standing) -> Hit | None:
    bounces, today = standing.history["sender.bounces_1d"], standing.history["sender.messages_1d"]
    if not (standing.outbound and bounces >= _BOUNCES and bounces >= _BOUNCED_SHARE * today):
        return None
    return Hit(
        f"{counted(bounces, 'message')} of this account came back within a day",
        {"bounces_1d": bounces, "messages_1d": today},
        rising(bounces, _BOUNCES, 10 * _BOUNCES),
    )


@DETECTOR.signal(
    "content_many_senders",
    "spam",
    "The same content comes from many sender domains to many recipients within two days.",
)
def _content_many_senders(standing: Standing) -> Hit | None:
    history, evidence = standing.history, standing.parties.evidence
    senders, recipients = history["content.senders_1d"], history["content.recipients_1d"]
    if not (senders >= _SENDERS and recipients >= _SENDERS_RECIPIENTS) or standing.good:
        return None
    short = evidence.fingerprint.startswith("=") and not evidence.links.domains
    automatic = evidence.headers.auto_submitted or standing.parties.conversation
    if short or automatic or history["pair.known"] > 0:
        return None  # many people may write the same few words
    told = f"{about(senders, 'sender domain')} to {about(recipients, 'recipient')}"
    return Hit(
        f"The same content came from {told} within two days",
        {"senders_1d": senders, "recipients_1d": recipients},
        rising(senders, _SENDERS, 10 * _SENDERS),
    )


@DETECTOR.signal(
    "signature_replayed",
    "spam",
    "One DKIM signature reaches many recipients in separate deliveries, and it is no list's.",
)
def _signature_replayed(standing: Standing) -> Hit | None:
    recipients = standing.history["signature.recipients_1d"]
    envelope = standing.parties.evidence.envelope
    if standing.outbound or standing.parties.bulk:
        return None
    if not (recipients >= _REPLAYED and len(envelope.rcpt_to) <= _REPLAY_RECIPIENTS):
        return None
    return Hit(
        f"One and the same signature came to {about(recipients, 'recipient')}, each by itself",
        {"recipients_1d": recipients},
        rising(recipients, _REPLAYED, 10 * _REPLAYED),
    )
