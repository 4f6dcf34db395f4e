"""Reading and judging takes time linear in the message, whatever its text was made to do.

The only timed test there is: it compares CPU time of a text with that of one four times as long,
so it doesn't depend on the machine. Quadratic work takes sixteen times as long.
"""

import gc
import importlib
import pkgutil
import re
from base64 import b64encode
from datetime import UTC, datetime
from re import _constants as ops
from re import _parser as parser
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import detectors
import features
from detectors.catalogue import DETECTORS
from features.context import Context
from features.envelope import Envelope, Incoming
from features.evidence import extract

CONTEXT = Context(
    authserv_ids=frozenset({"mx.brookvale.org"}), upstream_verifies=True, hash_key=b"a test's"
)
ENVELOPE = Envelope(id="x", received_at=datetime(2025, 11, 11, 10, tzinfo=UTC))
SHORT = 24_000  # octets
LONG = 60_000  # four times that is below the limit of what is read, which would hide the growth
GROWTH = 4
BOUND = 10.0  # of CPU time; linear work takes 4, quadratic 16
SLACK = 0.02  # seconds that don't count: what a message costs whatever its length
ROUNDS = 3
MANY = 1_000  # a bound of a repetition that is as good as none

MODULES = [
    importlib.import_module(found.name)
    for package in (features, detectors)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


def _held(value, depth=0):
    """Return the compiled patterns in a module's value."""
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if depth > 2 or not isinstance(value, (tuple, list, set, frozenset)) or len(value) > MANY:
        return []
    return [pattern for item in value for pattern in _held(item, depth + 1)]


PATTERNS = {
    f"{module.__name__}.{name}.{place}": pattern
    for module in MODULES
    for name, value in sorted(vars(module).items())
    for place, pattern in enumerate(_held(value))
}
# They read what an operator wrote, not mail.
_OWN = ("detectors.policy", "detectors.rule", "detectors.toml_places", "features.entit")
READ_MAIL = [name for name in PATTERNS if not name.startswith(_OWN)]


# --- the shape of patterns -------------------------------------------------------------------

REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT)
ALPHABET = [chr(code) for code in range(0x180)] + list("\u0430\u03b1\u200b\u2028\u3042\U0001f381")


def _parsed(pattern):
    text = pattern.pattern
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    return parser.parse(text, pattern.flags & ~re.UNICODE)


_INSIDE = {
    **dict.fromkeys((*REPEATS, ops.POSSESSIVE_REPEAT), lambda argument: [argument[2]]),
    ops.SUBPATTERN: lambda argument: [argument[-1]],
    ops.BRANCH: lambda argument: list(argument[1]),
    ops.ATOMIC_GROUP: lambda argument: [argument],
    **dict.fromkeys((ops.ASSERT, ops.ASSERT_NOT), lambda argument: [argument[1]]),
    ops.GROUPREF_EXISTS: lambda argument: [part for part in argument[1:] if part is not None],
}


def _inside(operation, argument):
    """Return the sequences that an element of a pattern holds."""
    return _INSIDE[operation](argument) if operation in _INSIDE else []


def _sequences(sequence):
    yield sequence
    for operation, argument in sequence:
        for inner in _inside(operation, argument):
            yield from _sequences(inner)


def _varies(sequence):
    """Say whether something in there may be given back: a repetition of no fixed count."""
    return any(
        operation in REPEATS and argument[0] != argument[1]
        for part in _sequences(sequence)
        for operation, argument in part
        if operation is not ops.POSSESSIVE_REPEAT
    )


def _is_nested(pattern):
    return any(
        operation in REPEATS and argument[1] >= MANY and _varies(argument[2])
        for part in _sequences(_parsed(pattern))
        for operation, argument in part
    )


def _characters(sequence):
    """Return what of the alphabet a sequence matches as one character."""
    one = parser.SubPattern(sequence.state, list(sequence))
    compiled = re._compiler.compile(one)
    return {char for char in ALPHABET if compiled.fullmatch(char)}


def _flat(sequence):
    """Yield a sequence's elements, those of plain groups in their place."""
    for operation, argument in sequence:
        if operation is ops.SUBPATTERN:
            yield from _flat(argument[-1])
        else:
            yield operation, argument


def _overlaps(pattern):
    """Say whether two unbounded repetitions stand side by side, share characters and may fail."""
    for part in _sequences(_parsed(pattern)):
        before = None
        elements = list(_flat(part))
        for place, (operation, argument) in enumerate(elements):
            unbounded = operation in REPEATS and argument[1] >= MANY
            if unbounded:
                chars = _characters(argument[2])
                fails = place + 1 < len(elements)
                if before is not None and before & chars and fails:
                    return True
                before = chars if argument[0] else chars | (before or set())
            elif operation not in REPEATS or argument[0]:
                before = None  # something that must be there parts them
    return False


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_repeats_what_itself_repeats_without_bound(name):
    assert not _is_nested(PATTERNS[name]), PATTERNS[name].pattern


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_has_unbounded_repetitions_that_can_share_what_they_match(name):
    assert not _overlaps(PATTERNS[name]), PATTERNS[name].pattern


@pytest.mark.parametrize("slow", [r"(?:a+)+b", r"(?:a?b*){2,}c", r"(\w{1,9},?)*;"])
def test_a_nested_repetition_is_seen(slow):
    assert _is_nested(re.compile(slow))


@pytest.mark.parametrize("slow", [r"a*a*b", r"\s*[^,]*;", r"(\d+)x?\w+;", r"\s+-?(?:\s+)a"])
def test_repetitions_side_by_side_are_seen(slow):
    assert _overlaps(re.compile(slow))


@pytest.mark.parametrize("fine", [r"a*b*c", r"\s*[^\s,]+\s*;", r"(?:ab{3})*c", r"\w+@\w+", r"a+b*"])
def test_an_honest_pattern_is_not_refused(fine):
    assert not _is_nested(re.compile(fine))
    assert not _overlaps(re.compile(fine))


# --- hostile text ----------------------------------------------------------------------------


def _sample(sequence):
    """Return a short text that a pattern matches, as far as its elements say."""
    found = []
    for operation, argument in sequence:
        if operation is ops.LITERAL:
            found.append(chr(argument))
        elif operation in (ops.IN, ops.NOT_LITERAL, ops.ANY):
            one = parser.SubPattern(sequence.state, [(operation, argument)])
            chars = _characters(one)
            found.append(next((c for c in "a0-. /<@" if c in chars), min(chars, default="a")))
        elif operation in (*REPEATS, ops.POSSESSIVE_REPEAT):
            found.append(_sample(argument[2]) * min(max(argument[0], 1), 64))
        elif operation is ops.BRANCH:
            found.append(_sample(argument[1][0]))
        elif operation in (ops.SUBPATTERN, ops.ATOMIC_GROUP):
            found.append(_sample(_inside(operation, argument)[0]))
    return "".join(found)


def _near_misses(pattern):
    """Return units whose repetition nearly matches over and over."""
    sample = _sample(_parsed(pattern)) or "a"
    return dict.fromkeys((sample, sample[:-1], sample[1:], sample[0], sample[:-1] + "\0"))


def _repeated(unit, size):
    return (unit * (size // len(unit) + 1))[:size]


def _derived(pattern, size):
    units = [unit for unit in _near_misses(pattern) if unit]
    return "".join(_repeated(unit, size // len(units)) for unit in units)


def _everywhere(text):
    """Return a message that has a part of the text wherever a text can stand: half in fields."""
    share = len(text) // 20
    fields = [re.sub(r"[\r\n]", " ", text[i * share : (i + 1) * share]) for i in range(10)]
    target = text[10 * share : 12 * share].replace("\n", " ")
    html, plain = text[12 * share : 16 * share], text[16 * share :]
    return (
        f"Received: from {fields[0]} by mx.brookvale.org; {fields[1]}\n"
        f"Authentication-Results: mx.brookvale.org; {fields[2]}\n"
        f"From: {fields[3]} <a@kestrel-metals.com>\nTo: {fields[4]}, alex.morgan@brookvale.org\n"
        f"Subject: {fields[5]}\nMessage-ID: <{fields[6]}>\nReferences: {fields[7]}\n"
        f"Content-Type: multipart/mixed; boundary=b; {fields[8]}\n\n"
        f'--b\nContent-Type: text/html; charset=utf-8\n\n{html}<p style="{fields[9]}">x</p>'
        f'<a href="https://{target}">{target}</a>\n'
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{plain}\n--b--\n"
    ).encode("utf-8", "surrogatepass")


def _mail(body="", kind="html", head=""):
    return (
        f"From: Kestrel <orders@kestrel-metals.com>\nTo: alex.morgan@brookvale.org\n{head}"
        f"MIME-Version: 1.0\nContent-Type: text/{kind}; charset=utf-8\n\n{body}\n"
    ).encode()


def _body(unit, kind="html", end=""):
    return lambda size: _mail(_repeated(unit, size) + end, kind)


def _field(name, unit, end=""):
    return lambda size: _mail("<p>Hello</p>", head=f"{name}: {_repeated(unit, size)}{end}\n")


def _numbered(form, kind="html"):
    """Repeat a unit that is another each time, so that nothing remembers it."""
    width = len(form.format(0)) + 3
    return lambda size: _mail("".join(form.format(i) for i in range(size // width)), kind)


def _encoded(size):
    words = b64encode(b"w" * 30).decode()
    return _mail("<p>Hello</p>", head=f"Subject: {_repeated(f'=?utf-8?b?{words}?= ', size)}\n")


HOSTILE = {
    "one word": _body("a"),
    "one word, plain": _body("a", "plain"),
    "blanks": _body(" ", "plain"),
    "line breaks": _body("\n", "plain"),
    "br": _body("<br>"),
    "br and blanks": _body("<br> &nbsp;\n"),
    "capitals and small": _body("aA", "plain"),
    "many @": _body("@", "plain"),
    "a@": _body("a@", "plain"),
    "many dots": _body("a.", "plain"),
    "dots alone": _body(".", "plain"),
    "digits": _body("1", "plain"),
    "telephone": _body("+1 808 555 014", "plain"),
    "money": _body("$ 9$9", "plain"),
    "http://": _body("http://", "plain"),
    "www.": _body("www.", "plain"),
    "http and quotes": _body('http://a"', "plain"),
    "links in text": _numbered("https://h{}.lowfield-garden.org/ ", "plain"),
    "links": _numbered('<a href="https://h{0}.org/{0}">https://x{0}.org</a>'),
    "one link of many @": _body("@", end='<a href="https://a">x</a>'),
    "a long target": lambda n: _mail(f'<a href="https://a.org/{_repeated("aB3/", n)}">x</a>'),
    "a long host": lambda n: _mail(f'<a href="https://{_repeated("a.", n)}org/">x</a>'),
    "nested targets": lambda n: _mail(f'<a href="https://a/?{_repeated("https://a.b/", n)}">x</a>'),
    "percent": lambda n: _mail(f'<a href="https://a/?{_repeated("%2568", n)}">x</a>'),
    "relative": _numbered('<base href="https://a/b/"><a href="{}">x</a>'),
    "deep": _body("<div>"),
    "deep and closed": lambda n: _mail("<b>" * (n // 7) + "</b>" * (n // 7)),
    "formatting": _body("<b><i><u><font>"),
    "tables": _body("<table><tr><td>"),
    "misnested": _body("<b><p></b>"),
    "open tags": _body("<a "),
    "attributes": lambda n: _mail("<p " + "".join(f"a{i}=1 " for i in range(n // 9)) + ">x</p>"),
    "quotes in a tag": _body('<a href="'),
    "less-than": _body("<"),
    "comments": _body("<!--"),
    "closed comments": _body("<!-- a -->"),
    "comment ends": _body("<!--->-->"),
    "styles": _body("<style>a{"),
    "style rules": lambda n: _mail(f"<style>{_repeated('a{color:red}', n)}</style><p>x</p>"),
    "style attribute": lambda n: _mail(f'<p style="{_repeated("color:red;", n)}">x</p>'),
    "scripts": _body("<script>"),
    "images": _numbered('<a href="#"><img src="https://i{}.org/a.png" alt="x"></a>'),
    "hidden": _body('<p style="display:none">a</p>'),
    "entities": _body("&#97;"),
    "open entities": _body("&amp"),
    "zero width": _body("a\u200b", "plain"),
    "isolates": _body("\u2066", "plain"),
    "selectors": _body("a\U000e0100", "plain"),
    "combining": _body("a\u0301", "plain"),
    "struck": _body("a\u0336", "plain"),
    "mixed scripts": _body("a\u0430b ", "plain"),
    "many letters": lambda n: _mail("".join(chr(0x4E00 + i % 20_000) for i in range(n // 3))),
    "phrases": _body("your account has been ", "plain"),
    "first words of phrases": _body("your your verify verify ", "plain"),
    "base64": _body(b64encode(b"\0" * 57).decode(), "plain"),
    "quoted-printable": lambda n: _mail(
        _repeated("=3D=\n", n), head="Content-Transfer-Encoding: quoted-printable\n"
    ),
    "From of brackets": _field("From", "<"),
    "From of comments": _field("From", "("),
    "From of quotes": _field("From", '"\\'),
    "From of commas": _field("From", "a,"),
    "From of addresses": _field("From", "<a@b.c>,"),
    "From of @": _field("From", "@"),
    "From of words": _field("From", "amazon support "),
    "To of addresses": lambda n: _mail(
        "<p>x</p>", head="To: " + "".join(f"a{i}@b{i}.org, " for i in range(n // 14)) + "\n"
    ),
    "Reply-To of addresses": _field("Reply-To", "a@b.org, "),
    "Subject of encoded words": _encoded,
    "Subject of =?": _field("Subject", "=?"),
    "Subject of open words": _field("Subject", "=?utf-8?q?a"),
    "Subject of blanks": _field("Subject", " \t"),
    "Subject of brackets": _field("Subject", "[a] Re: "),
    "Message-ID": _field("Message-ID", "<a@"),
    "References": _field("References", "<a@b.org> "),
    "Received": lambda n: _mail(head="Received: from a ([1.2.3.4]) by b; 1 Jan\n" * (n // 42)),
    "a long Received": _field("Received", "from a (helo="),
    "Authentication-Results": _field("Authentication-Results", "mx.brookvale.org; dkim=pass ("),
    "Content-Type": _field("Content-Type", "text/html; a="),
    "Content-Disposition": _field("Content-Disposition", "attachment; filename*0="),
    "a header of fields": lambda n: _mail(head="X-A: b\n" * (n // 7)),
    "a folded field": _field("Subject", "a\n "),
    "List-Unsubscribe": _field("List-Unsubscribe", "<https://a>,"),
    "parts": lambda n: (
        b"From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\na\n" * (n // 8)
    ),
    "boundaries": lambda n: (
        b"From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--" * (n // 2)
    ),
    "a calendar": lambda n: _mail(_repeated("ATTENDEE:mailto:a\n", n), "calendar"),
}


def _judge(raw, detectors):
    """Read and judge a message; nothing is remembered from the one before."""
    for module in MODULES:
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    gc.disable()  # a collection costs more than most of these messages
    start = process_time()
    try:
        evidence = extract(Incoming(ENVELOPE, raw), CONTEXT)
        for detector in detectors:
            list(detector.detect(evidence, CONTEXT))
        return process_time() - start
    finally:
        gc.enable()


def _grows_faster(build, size, detectors=DETECTORS):
    """Compare a text's time with that of one four times as long; the best of three counts."""
    short, long = build(size), build(GROWTH * size)
    best_short = best_long = float("inf")
    for _ in range(ROUNDS):
        best_short = min(best_short, _judge(short, detectors))
        best_long = min(best_long, _judge(long, detectors))
        if best_long <= BOUND * best_short + SLACK:
            return ""
    return f"{len(short)} octets take {best_short:.3f} s, {len(long)} take {best_long:.3f} s"


@pytest.mark.parametrize("kind", HOSTILE)
def test_time_grows_with_hostile_text_as_its_length(kind):
    assert not _grows_faster(HOSTILE[kind], LONG)


@pytest.mark.parametrize("name", READ_MAIL)
def test_time_grows_with_what_nearly_matches_a_pattern_as_its_length(name):
    assert not _grows_faster(lambda size: _everywhere(_derived(PATTERNS[name], size)), SHORT)


_PIECES = st.sampled_from(
    [
        "<a href=",
        "<!--",
        "</",
        "&#",
        "=?",
        "?=",
        "http://",
        *"<>\"'([@.,;:/\\ \n\ta1-=%\u200b\u0430",
    ]
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,  # a timed test must not fail for another reason each time
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(_PIECES, min_size=1, max_size=6).map("".join))
def test_time_grows_with_any_repetition_as_its_length(unit):
    assert not _grows_faster(lambda size: _everywhere(_repeated(unit, size)), SHORT)


def test_quadratic_work_on_an_eighth_of_the_text_is_seen():
    class Slow:
        """Looks from each character on for what isn't there."""

        @staticmethod
        def detect(evidence, _context):
            found = re.search("a*b", evidence.content.text[: len(evidence.content.text) // 8])
            return [found] if found else []

    assert _grows_faster(HOSTILE["one word"], LONG, (*DETECTORS, Slow))
