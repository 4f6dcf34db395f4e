"""Where the links of a message lead: home, through a mail service, or to somebody else's corner."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from random import Random

from apps.synthesis.cast import SERVICES, Cast, coined, fresh_domain

__all__ = ["Linker", "linker"]

Linker = Callable[[str], str]
"""From what a link is for ("action", "help", "image", "stop") to a URL."""

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_PATHS = ("account", "orders/{n}", "help", "t/{n}", "o?id={n}", "p/{w}", "s/{w}-{n}", "", "de/{w}")
_WORDS = ("start", "view", "details", "offer", "profile", "track", "invoice", "status", "summer")
_SHORT = ("bit.ly", "tinyurl.com", "cutt.ly", "is.gd", "t.co", "rb.gy", "s.id", "t.ly", "qrco.de")
_FREE = (
    "web.app", "firebaseapp.com", "pages.dev", "workers.dev", "vercel.app", "netlify.app",
    "github.io", "blogspot.com", "weebly.com", "wixsite.com", "glitch.me", "carrd.co",
)  # fmt: skip
_STORAGE = (
    "https://storage.googleapis.com/{w}{n}/{w}.html",
    "https://{w}{n}.s3.amazonaws.com/{w}.html",
    "https://{w}{n}.blob.core.windows.net/{w}/{w}.html",
    "https://pub-{t}.r2.dev/{w}.html",
    "https://firebasestorage.googleapis.com/v0/b/{w}/o/{w}.html?alt=media",
)
_REDIRECTS = (
    "https://www.google.com/url?q={u}",
    "https://www.bing.com/ck/a?u={u}",
    "https://adclick.g.doubleclick.net/pcs/click?adurl={u}",
    "https://t.umblr.com/redirect?z={u}",
)
# What honest mailings link to beside their own pages, and fraud copies along.
_ELSEWHERE = (
    "https://www.facebook.com/{w}", "https://www.instagram.com/{w}/", "https://x.com/{w}",
    "https://www.linkedin.com/company/{w}", "https://www.youtube.com/@{w}",
    "https://apps.apple.com/app/{w}/id{t}", "https://play.google.com/store/apps/details?id=com.{w}",
    "https://{w}.zendesk.com/hc/en-us", "https://www.trustpilot.com/review/{w}",
    "https://maps.google.com/?q={w}", "https://forms.gle/{t}",
)  # fmt: skip
_HACKED = (
    "wp-content/{w}/{t}",
    "wp-includes/{w}.php",
    ".well-known/{w}",
    "~{w}/{t}",
    "{w}/{t}.php",
)


def linker(rng: Random, who: Cast, *, fraud: bool) -> Linker:
    """Return what makes the links of one message; honest and fraudulent alike may be tracked."""
    scheme = "http" if rng.random() < 0.12 else "https"
    base = _base(rng, who, scheme) if not fraud else _strange(rng, who, scheme)
    home = _base(rng, who, scheme)
    # Fraud often keeps the real footer of what it copies; honest mail links to its own only.
    decoy = f"https://www.{min(who.brand.domains)}/" if fraud and who.brand else ""
    images = rng.choice((home, home, lambda _use: f"https://cdn.{who.site}/i/{_token(rng, 8)}.png"))

    def link(use: str) -> str:
        if use == "image":
            return images(use)
        if use == "help" and rng.random() < 0.25:
            return rng.choice(_ELSEWHERE).format(w=who.site.split(".")[0], t=_token(rng, 8))
        if use == "action" or not fraud:
            return base(use)
        if decoy and rng.random() < 0.4:
            return decoy + rng.choice(_WORDS)
        return base(use)

    return link


def _base(rng: Random, who: Cast, scheme: str) -> Linker:
    if who.service and rng.random() < 0.75:
        host = rng.choice(("click.{}", "links.{}", "url{n}.{}", "u{n}.ct.{}")).format(
            who.service, n=rng.randint(10, 9999)
        )
        form = rng.choice(("ls/click?upn={t}", "{t}/{t}", "f/a/{t}~~/{t}", "CL0/{t}/1/{t}"))
        return lambda _use: f"{scheme}://{host}/{_filled(rng, form, 60)}"
    host = rng.choice(("www.", "www.", "", "click.", "my.", "shop.", "email.")) + who.site
    if rng.random() < 0.3:
        return lambda _use: f"{scheme}://{host}/{_filled(rng, 'c/{t}?m={n}', 40)}"
    tail = rng.choice(("", "?utm_source=mail&utm_campaign={w}{n}", "?m={t}"))
    return lambda _use: f"{scheme}://{host}/{_filled(rng, rng.choice(_PATHS) + tail, 16)}"


def _strange(rng: Random, who: Cast, scheme: str) -> Linker:
    kind = rng.random()
    if kind < 0.30:
        host = rng.choice(("", "www.", f"{_word(rng)}.")) + fresh_domain(rng, who.brand)
        form = rng.choice(("{w}", "{t}", "{t}/{t}", "{w}/{t}", "?{t}", "{w}.php?id={t}", ""))
        url = f"{scheme}://{host}/{_filled(rng, form, rng.choice((8, 24, 60)))}"
    elif kind < 0.45:
        _name, site = coined(rng, "en")
        url = f"{scheme}://{site}/{_filled(rng, rng.choice(_HACKED), 10)}"
    elif kind < 0.55:
        url = f"https://{rng.choice(_SHORT)}/{_token(rng, rng.randint(5, 8))}"
    elif kind < 0.65:
        url = f"https://{_word(rng)}-{_token(rng, 5).lower()}.{rng.choice(_FREE)}/"
    elif kind < 0.73:
        url = _filled(rng, rng.choice(_STORAGE), 32).lower()
    elif kind < 0.79:
        target = f"https%3A%2F%2F{fresh_domain(rng, who.brand)}%2F{_token(rng, 6)}"
        url = rng.choice(_REDIRECTS).format(u=target)
    elif kind < 0.81:
        url = f"http://198.51.100.{rng.randint(1, 250)}/{_word(rng)}"
    elif kind < 0.92 and who.service:
        return _base(rng, who, scheme)  # sent through a service that wraps each link
    elif kind < 0.96:
        host = f"click.{rng.choice(SERVICES)}"
        return lambda _use: f"https://{host}/{_filled(rng, 'ls/click?upn={t}', 60)}"
    else:
        url = f"{scheme}://{who.domain}/{_filled(rng, '{w}/{t}', 12)}"
    return _personal(rng, who, url)


def _personal(rng: Random, who: Cast, url: str) -> Linker:
    """Return a linker of one URL, now and then with the reader's address in it."""
    kind = rng.random()
    if kind < 0.08:
        url += f"#{who.address}"
    elif kind < 0.14:
        url += "#" + urlsafe_b64encode(who.address.encode()).decode()
    elif kind < 0.18:
        url += ("&" if "?" in url else "?") + f"email={who.address}"
    if rng.random() < 0.7:
        return lambda _use: url
    return lambda use: url if use == "action" else f"{url}&r={rng.randint(1, 9)}"


def _filled(rng: Random, form: str, length: int) -> str:
    while "{" in form:
        before, _, rest = form.partition("{")
        kind, _, after = rest.partition("}")
        value = {"t": _token(rng, length), "w": _word(rng), "n": str(rng.randint(100, 9_999_999))}
        form = before + value[kind] + after
    return form


def _token(rng: Random, length: int) -> str:
    return "".join(rng.choice(_LETTERS) for _ in range(length))


def _word(rng: Random) -> str:
    return rng.choice(_WORDS)
