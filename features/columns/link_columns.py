"""Numbers about where a message leads."""

import math

from features.columns.shares import digits, ratio
from features.content import Content
from features.links import Link, Links
from features.schema import Feature

__all__ = ["COLUMNS", "values"]

_TRAITS = (
    ("cheap_tld", "lead under cheap top-level domains"),
    ("executable", "lead straight to a program or archive"),
    ("free_host", "lead to free hosts or builders"),
    ("ip", "lead to an IP address"),
    ("ip_obfuscated", "lead to an IP address written in another way"),
    ("mail_service", "lead through a known mail service"),
    ("nested_url", "carry a whole other address"),
    ("new_tld", "lead under newer top-level domains"),
    ("no_suffix", "lead to a host under no public suffix"),
    ("open_redirector", "lead through an open redirector"),
    ("port", "name an unusual port"),
    ("punycode", "lead to an internationalized host"),
    ("raw_storage", "lead to raw cloud storage"),
    ("recipient_clear", "carry the recipient's address"),
    ("recipient_encoded", "carry the recipient's address encoded"),
    ("root_blob", "have an opaque token as path"),
    ("shortener", "lead to a shortener"),
    ("storage_page", "lead to a page in raw cloud storage"),
    ("userinfo", "put a name before the host"),
)

_WRITTEN_OUT = frozenset({"bare", "plain"})
_NO_LINKS = [
    0.0,
    math.nan,
    0.0,
    0.0,
    0.0,
    math.nan,
    *[0.0] * 3,
    *[math.nan] * 2,
    0.0,
    math.nan,
    0.0,
    0.0,
]
_NO_SHARES = [math.nan] * (1 + len(_TRAITS))  # words a link lead

COLUMNS = (
    Feature("links.count", "count, log", "web links"),
    Feature("links.distinct", "ratio", "distinct addresses of all links"),
    Feature("links.hosts", "count, log", "distinct hosts"),
    Feature("links.domains", "count, log", "distinct registrable domains"),
    Feature("links.foreign_domains", "count, log", "domains that are neither sender's nor neutral"),
    Feature("links.foreign", "ratio", "links that lead to them"),
    Feature("links.all_foreign", "flag", "there are links and all lead to them"),
    Feature("links.single", "flag", "all links lead to one foreign domain, three at most"),
    Feature("links.text_differs", "count", "links whose text shows another domain"),
    Feature("links.bare", "ratio", "links written out in the text"),
    Feature("links.without_text", "ratio", "links without visible text"),
    Feature("links.longest", "count, log", "characters of the longest address"),
    Feature("links.path_chars", "count, log", "mean characters of path and query"),
    Feature("links.subdomains", "count", "most labels below a registrable domain"),
    Feature("links.label_digits", "ratio", "highest share of digits in a registrable label"),
    Feature("links.image_hosts", "count, log", "distinct hosts of images"),
    Feature("links.odd_schemes", "count", "targets such as data: or javascript:"),
    Feature("links.mailto", "count", "links that start a message"),
    Feature("links.words_each", "count, log", "words of visible text a link"),
    *[Feature(f"links.{trait}", "ratio", f"links that {what}") for trait, what in _TRAITS],
)


def values(content: Content, links: Links) -> list[float]:
    """Return the numbers of COLUMNS; NaN for shares of links where there is none."""
    beside = [
        math.log1p(len(links.image_hosts)),
        float(links.odd_schemes),
        float(links.mailto),
    ]
    every = links.all
    count = len(every)
    if not count:
        return [*_NO_LINKS, *beside, *_NO_SHARES]
    hosts = {link.host: link.domain for link in every}
    domains = hosts.values()
    distinct = {link.url for link in every}
    foreign = links.foreign
    strange = sum([link.domain.registrable in foreign for link in every])
    return [
        math.log1p(count),
        ratio(len(distinct), count),
        math.log1p(len(hosts)),
        math.log1p(len(links.domains)),
        math.log1p(len(foreign)),
        ratio(strange, count),
        float(strange == count),
        float(len(foreign) == 1 and len(links.domains) == 1 and len(distinct) <= 3),
        float(sum([_differs(link.text_host, link.host) for link in every if link.text_host])),
        sum([link.source in _WRITTEN_OUT for link in every]) / count,
        sum([not link.text or link.text.isspace() for link in every]) / count,
        math.log1p(max(map(len, distinct))),
        math.log1p(sum([len(link.path) for link in every]) / count),
        float(max([_labels(domain.subdomain) for domain in domains])),
        max([digits(domain.label) for domain in domains]),
        *beside,
        math.log1p(len(content.words) / count),
        *_shares(every),
    ]


def _shares(every: tuple[Link, ...]) -> list[float]:
    """Return the share of links that have each trait."""
    sets = [link.traits for link in every if link.traits]
    if not sets:
        return [0.0] * len(_TRAITS)
    count = len(every)
    occur = frozenset[str]().union(*sets)
    return [
        sum([trait in traits for traits in sets]) / count if trait in occur else 0.0
        for trait, _ in _TRAITS
    ]


def _labels(subdomain: str) -> int:
    return subdomain.count(".") + 1 if subdomain else 0


def _differs(shown: str, host: str) -> bool:
    """Tell whether the text shows a host that is neither the target's nor above or below it."""
    return not host.endswith(shown) and not shown.endswith(host)
