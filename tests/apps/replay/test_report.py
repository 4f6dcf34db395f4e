"""The reports of replay in a real browser: what they say, and that mail can only ever be text."""

import re
import threading
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import msgspec
import pytest
from pypdf import PdfReader

from apps.pages.frame import POLICY, document
from apps.replay.comparison import (
    BINS,
    Change,
    Comparison,
    Flow,
    Moved,
    Scores,
    Slice,
    Threshold,
    Untold,
)
from apps.replay.difference import Difference
from apps.replay.effects import curves, effects
from apps.replay.report import comparison_page, write_comparison
from apps.replay.report_verified import verified_page, write_verified
from apps.replay.verify_result import Found, VerifyResult

ELSEWHERE = "http://127.0.0.1:9/x"
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    f"<img src={ELSEWHERE}>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    f"</style><style>@import '{ELSEWHERE}'",
    f"<style>body{{background:url({ELSEWHERE})}}</style>",
    f"<link rel=stylesheet href={ELSEWHERE}>",
    f"<iframe src={ELSEWHERE}></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    f"<meta http-equiv=refresh content='0;url={ELSEWHERE}'>",
    f"<base href={ELSEWHERE}>",
    f"<form action={ELSEWHERE}><button>",
    "<a href=javascript:alert(1)>",
    f"<object data={ELSEWHERE}>",
    f"<video poster={ELSEWHERE}>",
    "<!-- ]]> --><math><mtext></table><b>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "{{constructor.constructor('alert(1)')()}}",
)
DOMAINS = ("newsletter.example", "bank.example", "university.example")
START = datetime(2026, 11, 15, 9, 12, tzinfo=UTC)


def change(at, before="accept", after="reject", consequence="now refused", **fields):
    given = {
        "event": f"0193a7c2-{at:04x}.judged",
        "id": f"0193a7c2-{at:04x}",
        "tenant": "default",
        "direction": "inbound",
        "received_at": START + timedelta(minutes=at),
        "from_domain": DOMAINS[at % 3],
        "before": before,
        "after": after,
        "score_before": 0.2,
        "score_after": 0.99951,
        "class_before": "ham",
        "class_after": "spam",
        "consequence": consequence,
        "moved": (Moved("links.fresh", None, 2_640_000), Moved("learned:text", 900_000, -100_000)),
        **fields,
    }
    return Change(**given)


def compared(**fields):
    """A comparison of every kind: labels, flows up and down, messages that couldn't be told."""
    logits = [(place * 37 % 200 - 100) * 100_000 for place in range(600)]
    abuse = [logit > (place % 7 - 3) * 2_000_000 for place, logit in enumerate(logits)]
    counts = tuple(place * place for place in range(len(BINS) - 1))
    given = {
        "asked": ("the threshold of reject is 0.93", "without links.fresh"),
        "since": START,
        "until": START + timedelta(days=7),
        "messages": 11_020,
        "compared": 11_000,
        "by_mail": 212,
        "other_engine": 3,
        "changed": 73,
        "scores_changed": 1_204,
        "harsher": 70,
        "milder": 3,
        "labelled_ham": 700,
        "labelled_abuse": 600,
        "flows": (
            Flow("accept", "accept", 10_000),
            Flow("accept", "reject", 12),
            Flow("quarantine", "reject", 58),
            Flow("reject", "reject", 927),
            Flow("reject", "accept", 3),
        ),
        "changes": (
            change(1, consequence="ham now refused", truth="ham", said_by="analyst"),
            change(2, thresholds=(Threshold("reject", 0.99, None),), gained=("rule:fresh",)),
            change(3, "reject", "accept", "now let through", lost=("deny:domain:a.example",)),
        ),
        "effects": effects({("ham", 0, 0): 690, ("ham", 0, 4): 10, ("abuse", 4, 4): 600}),
        "tenants": (Slice("default", 11_000, 70, 3, 2, 4, 9, 8),),
        "domains": tuple(Slice(name, 40, 9, 1) for name in DOMAINS),
        "scores": (Scores("all", counts, counts[::-1]), Scores("ham", counts, counts)),
        "curves": curves(
            [
                (it, it + place % 9, a)
                for place, (it, a) in enumerate(zip(logits, abuse, strict=True))
            ]
        ),
        "shadow": {"rule:tighten": 44},
        "untold": (Untold("the rule reads subject, and the mail isn't kept", 20),),
        "digest_before": "ab" * 32,
        "digest_after": "cd" * 32,
        **fields,
    }
    return Comparison(**given)


def hostile_comparison():
    """The same, with an attempt in every place that somebody outside can write."""
    changes = tuple(
        change(
            place,
            event=text,
            id=text,
            tenant=text,
            from_domain=text,
            moved=(Moved(text, None, 1), Moved(text, 5, None)),
            gained=(text,),
            lost=(text,),
        )
        for place, text in enumerate(HOSTILE)
    )
    return compared(
        asked=HOSTILE,
        before="<b>recorded",
        after='"><script>alert(2)</script>',
        changes=changes,
        tenants=tuple(Slice(text, 1, 1, 0) for text in HOSTILE),
        domains=tuple(Slice(text, 1, 1, 0) for text in HOSTILE),
        shadow=dict.fromkeys(HOSTILE, 1),
        untold=tuple(Untold(text, 1) for text in HOSTILE),
        digest_before=HOSTILE[0],
        digest_after=HOSTILE[1],
    )


def hostile_verification():
    differences = tuple(Difference(text, text, text) for text in HOSTILE)
    return VerifyResult(
        raw=9,
        vector=3,
        differing_raw=2,
        reasons=dict.fromkeys(HOSTILE, 1),
        unread=dict.fromkeys(HOSTILE, 1),
        fields=dict.fromkeys(HOSTILE, 1),
        examples=[Found(text, "raw", differences) for text in HOSTILE],
        digest=HOSTILE[0],
    )


class Elements(HTMLParser):
    """All elements of a page with the names of their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found, self.links = set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.update((tag, name) for name, _ in attrs)
        self.found.add((tag, ""))
        self.links.update(value for name, value in attrs if name in {"href", "src"})


PLAIN = (comparison_page(compared()), verified_page(VerifyResult(raw=9, differing_raw=1)))
ATTEMPTS = [
    pytest.param(comparison_page(hostile_comparison()), id="what-if"),
    pytest.param(verified_page(hostile_verification()), id="verify"),
]


@pytest.mark.parametrize("page", ATTEMPTS)
def test_nothing_that_mail_wrote_becomes_an_element_or_an_attribute(page):
    allowed = {*Elements(PLAIN[0]).found, *Elements(PLAIN[1]).found}
    elements = Elements(page)
    assert elements.found <= {*allowed, ("h3", ""), ("table", "class"), ("td", "data-head")}
    assert {"script", "img", "iframe", "form"}.isdisjoint(tag for tag, _ in elements.found)
    assert all(link.startswith("#") for link in elements.links)
    assert page.count("<style>") == 1
    assert POLICY in page


@pytest.mark.parametrize("page", ATTEMPTS)
def test_a_browser_shows_each_attempt_as_text_and_does_nothing(look, tmp_path, page):
    file = tmp_path / "report.html"
    file.write_text(page, "utf-8")
    seen = look(file)
    text = seen.page.evaluate("document.body.textContent")
    for attempt in HOSTILE:
        assert attempt in text
    seen.page.mouse.move(300, 300)
    assert (seen.requests, seen.errors, seen.dialogs) == ([], [], [])
    assert seen.page.url == file.as_uri()


def test_text_that_hides_or_reorders_is_shown_as_escapes():
    page = comparison_page(
        compared(changes=(change(1, from_domain="a\u202emoc.knab\u200b\x00\x1b[2J.example"),))
    )
    assert not set("\u202e\u200b\x00\x1b") & set(page)
    assert "a\\u202emoc.knab\\u200b\\x00\\x1b[2J.example" in page


def test_an_attempt_of_any_length_leaves_the_page_small():
    name = "<b>" * 200_000
    page = comparison_page(compared(domains=(Slice(name, 1, 1, 0),), asked=(name,)))
    assert len(page) < 100_000


@pytest.fixture
def elsewhere():
    """A server that takes down who asks it for something."""
    asked = []

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_policy_holds_back_even_what_was_not_escaped(look, tmp_path, elsewhere):
    """The second wall by itself: markup that got through runs nothing and loads nothing."""
    place, asked = elsewhere
    slipped = [
        "<script>alert(1)</script>",
        f"<script src={place}/script></script>",
        "<img src=x onerror=alert(1)>",
        f"<img src={place}/image>",
        "<svg onload=alert(1)></svg>",
        f"<style>@import '{place}/import'; body{{display:none}}</style>",
        f"<link rel=stylesheet href={place}/sheet>",
        f"<link rel=icon href={place}/icon>",
        f"<iframe src={place}/frame></iframe>",
        "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
        f"<object data={place}/object></object><embed src={place}/embed>",
        f"<video src={place}/video poster={place}/poster></video>",
        f'<p style="background:url({place}/attribute);display:none">seen</p>',
    ]
    file = tmp_path / "slipped.html"
    file.write_text(document("slipped", slipped), "utf-8")
    seen = look(file)
    assert seen.page.locator("p").is_visible()  # neither style took effect
    assert seen.dialogs == []
    assert asked == []
    # That they were tried at all: without the policy this test would prove nothing.
    assert sum("Content Security Policy" in line for line in seen.errors) > 8


def test_a_report_opens_without_a_request_or_an_error(look, tmp_path):
    for write, found in ((write_comparison, compared()), (write_verified, VerifyResult(raw=3))):
        write(tmp_path / "report.html", found)
        seen = look(tmp_path / "report.html")
        assert (seen.requests, seen.errors) == ([], [])


@pytest.mark.parametrize("page", [pytest.param(PLAIN[0], id="plain"), *ATTEMPTS])
def test_a_page_is_never_wider_than_its_screen(look, tmp_path, page):
    file = tmp_path / "report.html"
    file.write_text(page, "utf-8")
    seen = look(file)
    for width in (320, 390, 768, 1280):
        seen.page.set_viewport_size({"width": width, "height": 800})
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_of_charts_can_be_read_on_a_phone(look, tmp_path):
    write_comparison(tmp_path / "report.html", compared())
    seen = look(tmp_path / "report.html", viewport={"width": 390, "height": 800})
    heights = seen.page.evaluate(
        "[...document.querySelectorAll('svg text')].map(t => parseFloat(getComputedStyle(t)"
        ".fontSize) * t.getScreenCTM().a || 99).filter(h => h > 0)"
    )
    assert len(heights) > 50
    assert min(heights) > 10


def test_a_lone_chart_is_as_wide_as_one_of_two(look, tmp_path):
    scores = (Scores("all", tuple([1] * (len(BINS) - 1)), tuple([2] * (len(BINS) - 1))),)
    write_comparison(
        tmp_path / "report.html", msgspec.structs.replace(compared(), scores=scores, curves=())
    )
    seen = look(tmp_path / "report.html")
    width = "document.querySelector('.charts svg').getBoundingClientRect().width"
    page = "document.querySelector('.charts').getBoundingClientRect().width"
    assert 0.4 < seen.page.evaluate(f"{width} / {page}") < 0.5


CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let it = element; it; it = it.parentElement) {
      const color = getComputedStyle(it).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
  };
  return [...document.querySelectorAll('body *')]
    .filter(it => [...it.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(it => {
      const style = getComputedStyle(it);
      const ink = it.ownerSVGElement ? style.fill : style.color;
      const pair = [light(ink), light(behind(it))].sort();
      return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(look, tmp_path, scheme):
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    write_comparison(tmp_path / "report.html", compared())
    seen = look(tmp_path / "report.html", color_scheme=scheme)
    contrasts = seen.page.evaluate(CONTRAST)
    assert len(contrasts) > 150
    assert min(contrasts) >= 4.5


def test_what_is_drawn_has_a_name_and_its_figures_are_in_a_table_too(look, tmp_path):
    write_comparison(tmp_path / "report.html", compared())
    page = look(tmp_path / "report.html").page
    assert page.get_by_role("img").count() == page.locator("svg").count() == 4
    for drawing in page.get_by_role("img").all():
        assert drawing.get_attribute("aria-label")
    matrix = page.locator("#flows ~ .pair table").inner_text()
    assert re.search(r"quarantine\s+0\s+0\s+58\s+58", matrix)
    tree = page.locator("main").aria_snapshot()
    assert 'heading "Changed messages, the gravest first" [level=2]' in tree
    assert 'rowheader "quarantine"' in tree


def test_the_page_says_what_the_comparison_holds(look, tmp_path):
    write_comparison(tmp_path / "report.html", compared())
    text = look(tmp_path / "report.html").page.inner_text("main")
    assert "73 of 11,000 messages (0.664 %) get another action: 70 a harsher one" in text
    assert "Of 20 more messages nothing can be told" in text
    assert "labelled ham by analyst" in text
    assert "now rule:fresh" in text
    assert "reject from 0.99 \N{RIGHTWARDS ARROW} never" in text
    assert "0.200 \N{RIGHTWARDS ARROW} 0.99951" in text
    assert text.index("ham now refused (1)") < text.index("now let through (1)")
    assert "3 of the compared verdicts are of another release" in text


def test_what_changes_nothing_says_so():
    same = compared(
        changed=0, harsher=0, milder=0, changes=(), flows=(Flow("accept", "accept", 11_000),)
    )
    page = comparison_page(same)
    assert "None of 11,000 messages gets another action, though 1,204 scores move." in page
    assert "No message gets another action." in page


def test_a_comparison_of_nothing_has_a_page_too():
    nothing = Comparison(
        asked=(),
        since=None,
        until=None,
        **dict.fromkeys(
            ("messages", "compared", "by_mail", "other_engine", "changed", "scores_changed"), 0
        ),
        **dict.fromkeys(("harsher", "milder", "labelled_ham", "labelled_abuse"), 0),
        **dict.fromkeys(("flows", "changes", "effects", "tenants", "domains", "scores"), ()),
        curves=(),
        shadow={},
        untold=(),
        digest_before="0" * 64,
        digest_after="0" * 64,
        interrupted=True,
    )
    page = comparison_page(nothing)
    assert "No message could be compared." in page
    assert "It was interrupted" in page


def test_what_is_too_long_for_a_headline_is_a_list():
    page = comparison_page(compared(asked=("a" * 60, "b" * 60)))
    assert "<h1>What if: 2 changes</h1>" in page
    assert f"<ul><li>{'a' * 60}</li><li>{'b' * 60}</li></ul>" in page


def test_equal_comparisons_have_equal_pages():
    again = msgspec.json.decode(msgspec.json.encode(compared()), type=Comparison)
    assert comparison_page(again) == comparison_page(compared())


def test_a_verification_names_what_differs(look, tmp_path):
    found = VerifyResult(
        raw=900,
        vector=100,
        differing_vector=1,
        fallback=2,
        untold=5,
        reasons={"policy 12ab isn't kept": 5},
        fields={"signals[spf_fail].contribution": 1},
        examples=[
            Found("m1.judged", "vector", (Difference("signals[spf_fail].contribution", "1", "2"),))
        ],
        digest="ff" * 32,
    )
    write_verified(tmp_path / "report.html", found)
    text = look(tmp_path / "report.html").page.inner_text("main")
    assert "1 of 1,000 verdicts come out otherwise" in text
    assert "policy 12ab isn't kept" in text
    assert "m1.judged, from vector and basis" in text
    assert "not the same" in text
    clean = verified_page(VerifyResult(raw=9))
    assert "All 9 verdicts that could be judged again come out the same." in clean


def test_it_prints_on_paper_whole_and_in_ink(look, tmp_path):
    """Dark on the screen, white on paper; nothing is cut at the edge of A4."""
    write_comparison(tmp_path / "report.html", compared())
    seen = look(
        tmp_path / "report.html",
        color_scheme="dark",
        viewport={"width": 680, "height": 1000},  # 18 cm, what the margins leave of A4
    )
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") in {
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    }
    widest = "Math.max(...[...document.querySelectorAll('table')].map(t => t.offsetWidth))"
    assert seen.page.evaluate(widest) <= 680
    paper = PdfReader(BytesIO(seen.page.pdf(format="A4")))
    text = " ".join(" ".join(page.extract_text() for page in paper.pages).split())
    assert 2 <= len(paper.pages) <= 6
    for said in (
        "What if: the threshold of reject is 0.93",
        "Changed messages",
        *DOMAINS,
        "cd" * 32,
    ):
        assert said in text
