"""The frame allows one style sheet by its hash; tables say which head a cell belongs to."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from apps.pages.frame import STYLE, document, shown
from apps.pages.table import Cell, Column, table


def test_the_policy_names_the_very_style_that_the_page_has():
    page = document("t", ["<p>x</p>"])
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    # It is in force from where it stands: nothing that loads may come before it.
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_the_style_itself_asks_for_nothing():
    assert not re.search(r"url\(|@import|@font-face|http", STYLE)


def test_a_title_is_text():
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in document("</title><script>", [])


def test_foreign_text_is_cut_before_it_is_escaped():
    assert shown("&&&&", 3) == "&amp;&amp;…"


def test_a_row_that_lacks_a_cell_is_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        list(table([Column("a"), Column("b")], [["x"]]))


def test_cells_have_heads_and_cards_say_them_again():
    columns = [Column('a"<'), Column('b"<', numeric=True)]
    html = "".join(table(columns, [["x", Cell("1", "harsher")]], kind="cards"))
    assert '<th scope="col">a&quot;&lt;</th>' in html
    assert '<th scope="row">x</th>' in html
    assert '<td data-head="b&quot;&lt;" class="n harsher">1</td>' in html
    assert 'role="region" aria-label="a&quot;&lt;"' in html
