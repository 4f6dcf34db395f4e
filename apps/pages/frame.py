"""The frame of a page: a document that may load and run nothing, whatever stands in it.

What mail wrote is escaped before it comes here. The content security policy is the second wall:
it allows one style sheet, by its hash, and no script, image, font, frame, form or connection at all
(CSP Level 3, W3C). So an element that slipped through would run and load nothing; it could still be
a link, or a <meta> that leads elsewhere, which no policy in a page forbids.
"""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from apps.cli.rendering import clean
from apps.pages.chart import CHART_STYLE

__all__ = ["POLICY", "STYLE", "action_word", "document", "shown"]

STYLE: Final = Path(__file__).with_name("page.css").read_text("ascii") + CHART_STYLE
"""The one style sheet of every page."""


_DIGEST: Final = b64encode(sha256(STYLE.encode()).digest()).decode("ascii")
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
)
"""The content security policy, as the page's <meta> has it."""


def document(title: str, body: Iterable[str]) -> str:
    """Return a whole page as UTF-8 text; `title` is escaped here, `body` must be already.

    No attribute of `body` may be `style=`: the policy wouldn't let it act.
    """
    head = (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{shown(title, 200)}</title>\n<style>{STYLE}</style></head>\n<body><main>"
    )
    return "\n".join([head, *body, "</main></body></html>\n"])


def shown(text: str, width: int = 0) -> str:
    """Return foreign text as HTML: cut at `width` columns (0: never), clean and escaped.

    Control characters, bidirectional overrides and marks of no width become visible escapes, so
    that no text reorders what stands beside it.
    """
    return escape(clean(text, width))


def action_word(action: str) -> str:
    """Return an action as HTML, in its colour."""
    return f'<span class="act {shown(action)}">{shown(action)}</span>'
