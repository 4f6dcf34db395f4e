"""Hostile HTML is made harmless before it is parsed; the work is counted in nodes, not in time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from features.nesting import MAX_ATTRIBUTES, MAX_DEPTH, bound_nesting


def depth_of(html):
    deepest = depth = 0
    node = LexborHTMLParser(html).body
    while node is not None:
        child = node.first_child
        if child is not None:
            node, depth = child, depth + 1
            deepest = max(deepest, depth)
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None else None
    return deepest


def nodes_of(html):
    return sum(1 for _ in LexborHTMLParser(html).root.traverse(include_text=True))


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hello <b>you</b></p>" * 30,
        "<table>" + "<tr><td>cell</td></tr>" * 2_000 + "</table>",
        "<p>one<p>two" * 3_000,
        "<ul>" + "<li>entry" * 5_000 + "</ul>",
        f"<img src='data:image/png;base64,{'A' * 60_000}'>",
    ],
)
def test_everyday_html_comes_back_as_it_is(html):
    assert bound_nesting(html) == (html, False)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 20_000,
        "<div title='</div>'>" * 10_000,
        "<div><!-- </div> -->" * 10_000,
        "<div><script></div></script>" * 8_000,
        '<div ">' * 10_000,
        '<div =">' * 10_000,
        "<svg><![CDATA[></div>]]></svg><div>" * 6_000,
        "<DIV\n>" * 20_000,
        "<table><tr><td>" * 10_000,
        "<x-y>" * 20_000,
    ],
)
def test_what_nests_too_deep_is_flattened(html):
    harmless, bounded = bound_nesting(html)

    assert bounded
    assert depth_of(harmless) <= 5 * MAX_DEPTH  # rows and cells are not counted, only their tables


def test_the_text_of_flattened_html_stays():
    harmless, _ = bound_nesting("<div>" * 9_000 + "the end")

    assert "the end" in LexborHTMLParser(harmless).body.text()


@pytest.mark.parametrize("tag", ["b", "FONT", "i", "strong", "u"])
def test_formatting_that_is_never_closed_does_not_multiply(tag):
    """Parsers open it again in every paragraph: n elements and m paragraphs make n times m."""
    html = "<p>" + "".join(f"<{tag} id={n}>" for n in range(1_000)) + "<p>x" * 1_000

    assert nodes_of(bound_nesting(html)[0]) < 5_000


@pytest.mark.parametrize(
    "attributes",
    [
        " ".join(f"a{n}" for n in range(20_000)),
        " ".join(f'a{n}=">"' for n in range(20_000)),
        "/".join(f"a{n}" for n in range(20_000)),
    ],
)
def test_a_tag_keeps_a_bounded_number_of_attributes(attributes):
    harmless, bounded = bound_nesting(f"<a href=x {attributes}>text</a>")
    anchor = LexborHTMLParser(harmless).css_first("a")

    assert bounded
    assert len(anchor.attributes) <= MAX_ATTRIBUTES + 1
    assert anchor.attributes["href"] == "x"


def test_a_picture_in_its_own_address_is_not_mistaken_for_many_attributes():
    html = f"<p>{'x' * 70_000}</p><img src='data:image/png;base64,{'A' * 9_000}'>"

    assert bound_nesting(html) == (html, False)


@given(st.text(alphabet="<>/=\"' abip!-[]dv\n", max_size=400))
@settings(derandomize=True)
def test_no_markup_raises(text):
    bound_nesting(text)
    bound_nesting(text * 40)
