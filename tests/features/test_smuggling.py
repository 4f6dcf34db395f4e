import base64
import random

import pytest

from features.smuggling import smuggles

FILE = base64.b64encode(random.Random(1).randbytes(1_200))
HEX = random.Random(1).randbytes(1_000).hex().encode()
NUMBERS = b",".join(b"%d" % byte for byte in random.Random(1).randbytes(600))


@pytest.mark.parametrize(
    "script",
    [
        b"var b = new Blob([x]); a.href = URL.createObjectURL(b)",
        b"document.write(atob('" + FILE + b"'))",
        b"document.write(unescape('%3Ch1%3E'))",
        b"var s = '" + FILE + b"'; document.body.innerHTML = atob(s)",
        b"var s = '" + HEX + b"'; eval(s.replace(/../g, h => String.fromCharCode(parseInt(h,16))))",
        b"var s = [" + NUMBERS + b"]; document.write(String.fromCharCode.apply(null, s))",
        b"frame.srcdoc = new TextDecoder().decode(Uint8Array.from(atob('" + FILE + b"')))",
        b"VAR S = '" + FILE + b"'; DOCUMENT.WRITE(ATOB(S))",
    ],
    ids=["blob", "atob", "unescape", "later", "hexadecimal", "numbers", "srcdoc", "upper case"],
)
def test_script_that_unpacks_a_file_of_its_page_is_smuggling(script):
    assert smuggles(b"<html><script type=x>" + script + b"</script></html>")
    assert smuggles(b"<svg><script><![CDATA[" + script)


@pytest.mark.parametrize(
    "page",
    [
        b"<img src='data:image/png;base64," + FILE + b"'>",
        b"<script>document.body.innerHTML = atob('eA==')</script><img src='data:image/png;base64,"
        + FILE
        + b"'>",
        b"<script>var icon = '" + FILE + b"';</script>",
        b"<p>Write eval(x) or document.write(y) only in examples.</p>",
        b"",
    ],
    ids=["picture", "picture beside a script", "literal alone", "words", "nothing"],
)
def test_a_page_with_pictures_or_ordinary_script_is_not(page):
    assert not smuggles(page)


def test_what_stands_beyond_the_bound_is_not_read():
    assert not smuggles(b" " * 262_144 + b"new blob(")
