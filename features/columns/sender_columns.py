"""Numbers about who sends: what the readings of a message's entities say, NaN where unread."""

from typing import Final

from features.schema import Feature

__all__ = ["COLUMNS"]


def _column(name: str, unit: str, what: str) -> Feature:
    return Feature(name, unit, what, routing=True)


COLUMNS: Final = (
    # The sender: the account of outbound mail, else the domain, as far as it is proven.
    _column("sender.proven", "flag", "whether DKIM or SPF proves the sender's domain"),
    _column("sender.age", "s", "since the sender was first seen"),
    _column("sender.idle", "s", "since the sender's message before this one"),
    _column("sender.messages", "count", "messages of the sender, this one among them"),
    _column("sender.messages_10m", "count", "the same, decayed with a half-life of 10 minutes"),
    _column("sender.messages_1h", "count", "the same, decayed with a half-life of an hour"),
    _column("sender.messages_1d", "count", "the same, decayed with a half-life of a day"),
    _column("sender.messages_7d", "count", "the same, decayed with a half-life of 7 days"),
    _column("sender.recipients", "count", "recipients of all messages"),
    _column("sender.recipients_1d", "count", "distinct recipients, today and yesterday"),
    _column("sender.networks_1d", "count", "distinct networks it sent from, today and yesterday"),
    _column("sender.contents_1d", "count", "distinct contents, today and yesterday"),
    _column("sender.first_contacts_1d", "count", "first contacts, half-life of a day"),
    _column("sender.bounces_1d", "count", "bounces of an account's mail, half-life of a day"),
    _column("sender.inbox_7d", "count", "messages delivered, half-life of 7 days"),
    _column("sender.bad_7d", "count", "messages bad by their content, half-life of 7 days"),
    _column("sender.spam", "count", "labels as abuse"),
    _column("sender.ham", "count", "labels as wanted"),
    # The author's address, under the proof of its domain.
    _column("address.age", "s", "since the address was first seen"),
    _column("address.messages", "count", "messages of the address"),
    _column("address.messages_7d", "count", "the same, half-life of 7 days"),
    _column("address.bad_7d", "count", "bad by their content, half-life of 7 days"),
    _column("address.spam", "count", "labels as abuse"),
    _column("address.ham", "count", "labels as wanted"),
    # The client: IPv4 address or IPv6 /64.
    _column("ip.age", "s", "since the client's address was first seen"),
    _column("ip.messages_1h", "count", "messages from it, half-life of an hour"),
    _column("ip.messages_1d", "count", "the same, half-life of a day"),
    _column("ip.domains_1d", "count", "distinct sender domains, today and yesterday"),
    _column("ip.bad_1d", "count", "bad by their content, half-life of a day"),
    _column("ip.spam", "count", "labels as abuse"),
    _column("ip.ham", "count", "labels as wanted"),
    # Its network: /24 or /48.
    _column("network.age", "s", "since the network was first seen"),
    _column("network.messages_7d", "count", "messages from it, half-life of 7 days"),
    _column("network.domains_1d", "count", "distinct sender domains, today and yesterday"),
    _column("network.bad_7d", "count", "bad by their content, half-life of 7 days"),
    _column("network.inbox_7d", "count", "delivered, half-life of 7 days"),
    _column("network.spam", "count", "labels as abuse"),
    _column("network.ham", "count", "labels as wanted"),
    _column("route.age", "s", "since a proven sender first used this network"),
    _column("helo.age", "s", "since the greeting's domain was first seen"),
    # The content: near-duplicates.
    _column("content.age", "s", "since the content was first seen"),
    _column("content.messages_1h", "count", "messages with it, half-life of an hour"),
    _column("content.recipients_1d", "count", "distinct recipients, today and yesterday"),
    _column("content.senders_1d", "count", "distinct sender domains, today and yesterday"),
    _column("content.spam", "count", "labels as abuse"),
    _column("content.ham", "count", "labels as wanted"),
    # Domains linked to (the first 8), and attachments.
    _column("links.youngest", "s", "since the youngest domain linked to was first seen"),
    _column("links.new", "count", "domains linked to that were never seen before"),
    _column("links.senders_1d", "count", "most distinct senders that link to one of them"),
    _column("links.spam", "count", "labels as abuse of the one with most for each as wanted"),
    _column("links.ham", "count", "labels as wanted of the same one"),
    _column("attachments.spam", "count", "labels as abuse of the most reported attachment"),
    _column("signature.recipients_1d", "count", "distinct recipients of this DKIM signature"),
    # Sender and recipients: the first 16 pairs.
    _column("pair.known", "ratio", "recipients who have written to the sender before"),
    _column("pair.received", "count", "messages of the sender to one of them, the most"),
    _column("pair.spam", "count", "labels as abuse of the pair with most for each as wanted"),
    _column("pair.ham", "count", "labels as wanted of the same one"),
    _column("thread.answers", "flag", "whether it answers a message that our users sent"),
    _column("correspondent.name", "flag", "whether its display name is another correspondent's"),
    _column("correspondent.domain", "flag", "whether its domain looks like a correspondent's"),
)
