"""How the header was written: faults that mail programs don't make and bulk tools do."""

from detectors.checks import Checks, Hit, evidence_itself
from detectors.labels import looks_random
from detectors.relations import display_host, leads_home, shown_host
from detectors.strange_links import misnamed
from features.domains import split_host
from features.evidence import Evidence
from features.hosts import host_traits, is_disposable

__all__ = ["DETECTOR"]


DETECTOR = Checks("headers", evidence_itself)


@DETECTOR.signal(
    "from_comma", "spam", "From has a comma outside quotes in its display name.", raw=True
)
def _from_comma(evidence: Evidence) -> Hit | None:
    if "comma" not in evidence.headers.from_faults:
        return None
    # A small office's own program writes "Office, Town" and links to the office's site.
    return Hit(
        "The sender's name has a comma that no mail program leaves unquoted",
        strength=_SLOPPY if leads_home(evidence) else 1.0,
    )


@DETECTOR.signal(
    "from_junk_around_address",
    "spam",
    "From has stray characters glued before or after the address.",
    raw=True,
)
def _from_junk_around_address(evidence: Evidence) -> Hit | None:
    if not evidence.headers.from_faults & {"glue", "after", "angles"}:
        return None
    return Hit("The sender field has stray characters around the address")


@DETECTOR.signal(
    "from_space_in_address", "spam", "From has a blank or dot before the closing bracket.", raw=True
)
def _from_space_in_address(evidence: Evidence) -> Hit | None:
    if "spaced" not in evidence.headers.from_faults:
        return None
    return Hit("The sender's address ends in a blank or dot")


@DETECTOR.signal(
    "from_bad_tld", "spam", "The From domain ends in no existing top-level domain.", raw=True
)
def _from_bad_tld(evidence: Evidence) -> Hit | None:
    if "badtld" not in evidence.headers.from_faults:
        return None
    host = display_host(evidence)
    return Hit(f"The sender's domain {host} can't exist", {"from_host": host})


@DETECTOR.signal(
    "from_bad_character", "spam", "The From domain has characters that no domain has.", raw=True
)
def _from_bad_character(evidence: Evidence) -> Hit | None:
    if "badchar" not in evidence.headers.from_faults:
        return None
    host = display_host(evidence)
    return Hit(f"The sender's domain {host} has impossible characters", {"from_host": host})


@DETECTOR.signal(
    "from_multiple", "spam", "From names several addresses, or there are several From.", raw=True
)
def _from_multiple(evidence: Evidence) -> Hit | None:
    if not evidence.headers.from_faults & {"multi", "duplicate"}:
        return None
    return Hit("The message names more than one sender")


@DETECTOR.signal("from_no_address", "spam", "From holds no usable address.", raw=True)
def _from_no_address(evidence: Evidence) -> Hit | None:
    if "noaddr" not in evidence.headers.from_faults:
        return None
    return Hit("The message has no usable sender address")


@DETECTOR.signal(
    "header_raw_8bit", "spam", "From or Subject has raw 8-bit bytes without RFC 2047.", raw=True
)
def _header_raw_8bit(evidence: Evidence) -> Hit | None:
    headers = evidence.headers
    if headers.from_raw.isascii() and headers.subject_raw.isascii():
        return None
    return Hit("Sender or subject has raw bytes, which mail programs don't write there")


@DETECTOR.signal(
    "from_random_label", "spam", "The From domain's name is a random run of letters and digits."
)
def _from_random_label(evidence: Evidence) -> Hit | None:
    if not looks_random(evidence.headers.from_.domain.label):
        return None
    host = display_host(evidence)
    return Hit(f"The sender's domain {host} looks made up by a machine", {"from_domain": host})


@DETECTOR.signal(
    "from_free_host", "phish", "The sender's address is at a free web host or app platform."
)
def _from_free_host(evidence: Evidence) -> Hit | None:
    headers = evidence.headers
    for mailbox in (headers.from_, headers.return_path):
        # Where customers get names, names are suffixes: elsewhere the platform itself writes.
        suffix = mailbox.domain.suffix
        if "." in suffix and "free_host" in host_traits(suffix):
            host = shown_host(mailbox.host)
            return Hit(f"The sender's address is at the free host {host}", {"from_host": host})
    return None


@DETECTOR.signal(
    "from_disposable",
    "spam",
    "The sender writes from, or wants answers at, a mail domain made for one use.",
)
def _from_disposable(evidence: Evidence) -> Hit | None:
    headers = evidence.headers
    for mailbox in (headers.from_, *headers.reply_to):
        if is_disposable(mailbox.host):
            host = shown_host(mailbox.host)
            return Hit(f"{host} gives out mailboxes to be thrown away", {"host": host})
    return None


@DETECTOR.signal(
    "return_path_shared_tenant",
    "phish",
    "Bounces go to a nameless tenant (onmicrosoft.com) while From is another domain.",
)
def _return_path_shared_tenant(evidence: Evidence) -> Hit | None:
    headers = evidence.headers
    tenant, sender = headers.return_path.host, headers.from_.host
    if not tenant.endswith(_TENANTS) or sender.endswith(_TENANTS):
        return None
    host = display_host(evidence)
    tenant = shown_host(tenant)
    return Hit(f"It claims {host} but was sent from {tenant}", {"tenant": tenant})


_TENANTS = ".onmicrosoft.com"
_SLOPPY = 0.6  # of what small and home-made senders do too


@DETECTOR.signal(
    "undisclosed_recipients", "spam", "The To field names nobody: the mail is a blind mass copy."
)
def _undisclosed_recipients(evidence: Evidence) -> Hit | None:
    if "@" in evidence.message.first("to"):
        return None
    return Hit("The message is addressed to nobody by name")


@DETECTOR.signal("high_priority", "spam", "The message is marked as urgent by its sender.")
def _high_priority(evidence: Evidence) -> Hit | None:
    first = evidence.message.first
    levels = f"{first('importance')} {first('x-msmail-priority')} {first('priority')}".lower()
    if first("x-priority").strip()[:1] in {"1", "2"} or "high" in levels or "urgent" in levels:
        return Hit("The sender marked it as urgent")
    return None


@DETECTOR.signal(
    "from_cheap_tld", "spam", "The sender's domain has an ending that hardly anybody mails from."
)
def _from_cheap_tld(evidence: Evidence) -> Hit | None:
    if "cheap_tld" not in host_traits(evidence.headers.from_.host):
        return None
    host = display_host(evidence)
    # Small papers and shops of that name are there too, and link to themselves.
    own = leads_home(evidence) and not misnamed(evidence.headers)
    return Hit(
        f"The sender's domain {host} has a throw-away ending",
        {"from_domain": host},
        _SLOPPY if own else 1.0,
    )


@DETECTOR.signal(
    "helo_made_up",
    "spam",
    "A server on a formatted message's way greets with a random name or a throw-away ending.",
)
def _helo_made_up(evidence: Evidence) -> Hit | None:
    if not evidence.content.is_html:  # where it tells most; each hop costs time to read
        return None
    known = evidence.envelope.client.helo
    greetings = [known] if known else [hop.helo for hop in evidence.headers.hops[:_HOPS]]
    for greeting in greetings:
        name = greeting.lower()
        domain = split_host(name)
        label = domain.label
        if domain.registrable == evidence.headers.from_.domain.registrable:
            continue  # what the sender's own domain shows has signals of its own
        if label and (looks_random(label) or "cheap_tld" in host_traits(name)):
            host = shown_host(name)
            return Hit(
                f"A server on its way greeted with the made-up or throw-away name {host}",
                {"helo": host},
            )
    return None


_HOPS = 6


@DETECTOR.signal(
    "from_shared_tenant",
    "phish",
    "The sender's address is a nameless tenant (onmicrosoft.com) under a company's or no name.",
)
def _from_shared_tenant(evidence: Evidence) -> Hit | None:
    headers = evidence.headers
    if not headers.from_.host.endswith(_TENANTS) or not evidence.links.foreign:
        return None
    tenant = shown_host(headers.from_.host)
    return Hit(
        f"It was sent from {tenant}, a rented account without a domain of its own",
        {"tenant": tenant},
    )
