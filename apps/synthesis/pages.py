"""HTML as mail programs, shops, mail services and hurried hands write it: one letter, many shapes.

Fraud and honest mail are drawn from the same shapes, so that no shape tells which is which.
"""

from collections.abc import Callable
from html import escape
from random import Random

from apps.synthesis.letter import Letter

__all__ = ["plain_text", "render"]

_COLOURS = ("#0b5fa5", "#d40511", "#1a7f37", "#5b2a86", "#222222", "#f28c00", "#00796b")
_FONTS = ("Arial, sans-serif", "Helvetica, Arial, sans-serif", "Georgia, serif", "Verdana")
_XHTML = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)
_MSO = (
    "<!--[if mso]><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96"
    "</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->\n"
)
_META = (
    '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
    '<meta name="viewport" content="width=device-width">\n'
)
Shape = Callable[[Random, Letter], str]


def render(rng: Random, letter: Letter, *, private: bool, picture: bool) -> str:
    """Return a letter as HTML: a person's mail program's, or a mailing's.

    With `picture` the message is a linked picture and hardly any text.
    """
    if picture:
        shape: Shape = _picture
    elif private:
        shape = rng.choice((_webmail, _office, _lines, _bare))
    else:
        shape = rng.choice(
            (_table, _table, _card, _card, _divs, _grid, _rows, _lines, _office, _bare, _picture)
        )
    body = shape(rng, letter)
    pieces = [body]
    if letter.preheader:
        style = rng.choice(
            ("display:none;max-height:0;overflow:hidden", "display:none", "font-size:0;color:#fff")
        )
        padding = rng.choice(("", "&zwnj;&nbsp;" * rng.randint(5, 60), "&#847; " * 40))
        pieces.insert(0, f'<div style="{style}">{escape(letter.preheader)}{padding}</div>')
    if letter.pixel:
        pieces.append(f'<img src="{escape(letter.pixel)}" width="1" height="1" alt="">')
    inner = "\n".join(pieces)
    if shape is _webmail or rng.random() < 0.08:
        return inner
    return f"{_head(rng, letter)}{inner}\n</body></html>"


def plain_text(rng: Random, letter: Letter) -> str:
    """Return a letter as plain text."""
    text, url = letter.button
    lines = [letter.greeting, "", *_spread(letter.paragraphs)]
    if letter.asks:
        lines += [*rng.choice(([f"{text}: {url}"], [text, url], [f"{text} <{url}>"])), ""]
    lines += [letter.bye, letter.sender]
    if letter.foot or letter.stop:
        lines += ["", rng.choice(("-- ", "---", "=" * 40, "")), *letter.foot]
    if letter.stop:
        lines.append(f"{letter.stop[0]}: {letter.stop[1]}")
    return "\n".join(lines).strip("\n") + "\n"


def _spread(paragraphs: tuple[str, ...]) -> list[str]:
    return [line for paragraph in paragraphs for line in (paragraph, "")]


def _head(rng: Random, letter: Letter) -> str:
    doctype = rng.choice(("<!DOCTYPE html>\n", _XHTML, ""))
    title = f"<title>{escape(letter.title)}</title>\n" if letter.title else ""
    style = rng.choice(("", "", _style(rng), _style(rng) * rng.randint(1, 6)))
    mso = rng.choice(("", "", _MSO))
    meta = rng.choice(("", '<meta charset="utf-8">\n', _META))
    lang = rng.choice(("", f' lang="{letter.language}"'))
    body = rng.choice(("<body>", '<body style="margin:0;padding:0">', '<body bgcolor="#f4f4f4">'))
    return f"{doctype}<html{lang}><head>{meta}{title}{style}{mso}</head>{body}\n"


def _style(rng: Random) -> str:
    rules = "".join(
        f".c{rng.randint(1, 99)} {{ font-size: {rng.randint(10, 32)}px; color: "
        f"{rng.choice(_COLOURS)}; padding: {rng.randint(0, 40)}px }}\n"
        for _ in range(rng.randint(2, 12))
    )
    return (
        '<style type="text/css">\nbody { margin: 0 }\n@media (max-width: 600px) { .w { width: '
        f"100% }} }}\n{rules}</style>\n"
    )


def _anchor(rng: Random, text: str, url: str, style: str = "") -> str:
    attribute = f' style="{style}"' if style else ""
    target = rng.choice(("", ' target="_blank"'))
    return f'<a href="{escape(url)}"{target}{attribute}>{escape(text)}</a>'


def _button(rng: Random, letter: Letter) -> str:
    if not letter.asks:
        return ""
    text, url = letter.button
    colour = rng.choice(_COLOURS)
    form = rng.random()
    if form < 0.4:
        style = f"background:{colour};color:#fff;padding:12px 28px;text-decoration:none"
        return f"<p>{_anchor(rng, text, url, style)}</p>"
    if form < 0.7:
        cell = _anchor(rng, text, url, "color:#ffffff;font-weight:bold")
        return (
            f'<table border="0" cellpadding="12"><tr><td bgcolor="{colour}" align="center">'
            f"{cell}</td></tr></table>"
        )
    if form < 0.85:
        return f"<p>{_anchor(rng, text, url)}</p>"
    shown = url if rng.random() < 0.5 else url.split("?")[0]
    return f"<p>{escape(text)}: {_anchor(rng, shown, url)}</p>"


def _images(letter: Letter) -> list[str]:
    return [
        f'<img src="{escape(url)}" width="{120 + 60 * n}" alt="{escape(letter.sender)}">'
        for n, url in enumerate(letter.pictures)
    ]


def _foot(rng: Random, letter: Letter) -> str:
    lines = [escape(line) for line in letter.foot]
    if letter.extra:
        joiner = rng.choice((" | ", " &middot; ", "<br>"))
        lines.append(joiner.join(_anchor(rng, text, url) for text, url in letter.extra))
    if letter.stop:
        lines.append(_anchor(rng, *letter.stop))
    if not lines:
        return ""
    size = rng.choice((10, 11, 12))
    return f'<p style="font-size:{size}px;color:#888888">' + "<br>\n".join(lines) + "</p>"


def _online(rng: Random, letter: Letter) -> str:
    if letter.online is None:
        return ""
    return f'<p style="font-size:11px">{_anchor(rng, *letter.online)}</p>'


def _paragraphs(letter: Letter, tag: str = "p", style: str = "") -> str:
    attribute = f' style="{style}"' if style else ""
    texts = [letter.greeting, *letter.paragraphs]
    return "\n".join(f"<{tag}{attribute}>{escape(text)}</{tag}>" for text in texts if text)


def _closing(letter: Letter, tag: str = "p") -> str:
    return f"<{tag}>{escape(letter.bye)}<br>{escape(letter.sender)}</{tag}>" if letter.bye else ""


def _table(rng: Random, letter: Letter) -> str:
    images = _images(letter)
    head = images[0] if images else f"<h1>{escape(letter.sender)}</h1>"
    return (
        f'<table width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">\n'
        f'{_online(rng, letter)}<table width="600" class="w" style="font-family:'
        f'{rng.choice(_FONTS)}">\n<tr><td bgcolor="{rng.choice(_COLOURS)}" align="center">{head}'
        f'</td></tr>\n<tr><td style="padding:24px">{_paragraphs(letter)}{_button(rng, letter)}'
        f"{_closing(letter)}</td></tr>\n<tr><td>{''.join(images[1:])}</td></tr>\n"
        f'<tr><td align="center">{_foot(rng, letter)}</td></tr></table></td></tr></table>'
    )


def _card(rng: Random, letter: Letter) -> str:
    images = "".join(_images(letter))
    return (
        f'<div style="background:#f2f2f2;padding:20px"><div style="max-width:560px;margin:0 auto;'
        f'background:#ffffff;padding:30px;font-family:{rng.choice(_FONTS)}">{images}'
        f'<h2 style="color:{rng.choice(_COLOURS)}">{escape(letter.subject)}</h2>'
        f"{_paragraphs(letter)}{_button(rng, letter)}{_closing(letter)}</div>"
        f"{_foot(rng, letter)}{_online(rng, letter)}</div>"
    )


def _divs(rng: Random, letter: Letter) -> str:
    return (
        f'<div class="c1">{_online(rng, letter)}{"".join(_images(letter))}'
        f"{_paragraphs(letter, 'div', 'margin:0 0 12px')}{_button(rng, letter)}"
        f"{_closing(letter, 'div')}{_foot(rng, letter)}</div>"
    )


def _grid(rng: Random, letter: Letter) -> str:
    _text, url = letter.button
    goods = [letter.button[0], *letter.paragraphs]
    cells = "".join(
        f'<td width="50%" valign="top">{picture}<br>{_anchor(rng, text, url)}</td>'
        for picture, text in zip([*_images(letter), *[""] * len(goods)], goods, strict=False)
    )
    return (
        f"{_online(rng, letter)}<table><tr><td>{_paragraphs(letter)}</td></tr></table>\n"
        f'<table width="600"><tr>{cells}</tr></table>{_button(rng, letter)}{_foot(rng, letter)}'
    )


def _rows(rng: Random, letter: Letter) -> str:
    rows = "\n".join(
        f'<tr><td style="border-bottom:1px solid #ddd">{number}</td><td>{escape(text)}</td></tr>'
        for number, text in enumerate(letter.paragraphs, 1)
    )
    return (
        f"{''.join(_images(letter))}<p>{escape(letter.greeting)}</p><table>{rows}</table>"
        f"{_button(rng, letter)}{_closing(letter)}{_foot(rng, letter)}"
    )


def _lines(rng: Random, letter: Letter) -> str:
    texts = [escape(text) for text in (letter.greeting, *letter.paragraphs) if text]
    return (
        "<br><br>\n".join(texts)
        + _button(rng, letter)
        + f"<br>{escape(letter.bye)}<br>{escape(letter.sender)}<br>"
        + _foot(rng, letter)
    )


def _bare(rng: Random, letter: Letter) -> str:
    text, url = letter.button
    shown = rng.choice((text, url))
    action = f"<p>{_anchor(rng, shown, url)}</p>" if letter.asks else ""
    return f"{_paragraphs(letter)}{action}{_foot(rng, letter)}"


def _webmail(rng: Random, letter: Letter) -> str:
    text, url = letter.button
    action = f"<div>{_anchor(rng, text, url)}</div>" if letter.asks else ""
    return (
        f'<div dir="ltr">{_paragraphs(letter, "div")}{action}<div><br></div>'
        f"<div>{escape(letter.bye)}</div><div>{escape(letter.sender)}</div></div>"
    )


def _office(rng: Random, letter: Letter) -> str:
    fonts = (
        "<style><!-- /* Font Definitions */ @font-face {font-family:Calibri; panose-1:2 15 5 2 2 "
        "2 4 3 2 4;} p.MsoNormal {margin:0cm; font-size:11.0pt; font-family:Calibri;} --></style>"
    )
    texts = "".join(
        f'<p class="MsoNormal">{escape(text)}<o:p></o:p></p>'
        for text in (letter.greeting, *letter.paragraphs)
        if text
    )
    return (
        f'{fonts}<div class="WordSection1">{texts}{_button(rng, letter)}'
        f'<p class="MsoNormal">{escape(letter.bye)}<br>{escape(letter.sender)}</p></div>'
        f"{_foot(rng, letter)}"
    )


def _picture(rng: Random, letter: Letter) -> str:
    text, url = letter.button
    source = letter.pictures[0] if letter.pictures else url
    words = rng.choice(("", escape(letter.greeting), escape(letter.paragraphs[0])))
    return (
        f'<center>{words}<a href="{escape(url)}"><img src="{escape(source)}" border="0" '
        f'width="600" alt="{escape(text)}"></a></center>{_foot(rng, letter)}'
    )
