import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.markup import FLAGS, Anchor, Image, read_markup

PIECES = [
    "<a href='", "<b>", "</b>", "<td ", "style='display:none'", ">", "<!--", "-->", "<script>",
    "<svg>", "<math>", "<select>", "<template>", "</table>", "<table>", "<frameset>", "<plaintext>",
    "<meta http-equiv=refresh content='url=", "\0", "]]>",
]  # fmt: skip


def read(html, max_nodes=20_000):
    return read_markup(html, max_nodes)


def test_words_run_on_through_inline_elements_and_end_at_blocks():
    assert read("<p>Pay<b>Pal</b></p><p>now</p>a<br>b<div>c").text == "PayPal now a b c"


def test_white_space_and_entities_are_as_a_reader_sees_them():
    assert read("a &amp;\n\t b&nbsp;&nbsp;c").text == "a & b c"


@pytest.mark.parametrize(
    "hiding",
    [
        "<div style='display:none'>secret</div>",
        "<div hidden>secret</div>",
        "<div style='display:none'><p><b>secret</b></p></div>",
        "<span style='font-size:0px'>secret</span>",
    ],
)
def test_hidden_text_is_kept_apart(hiding):
    markup = read(f"seen {hiding} too")

    assert markup.text == "seen too"
    assert markup.hidden == "secret"


def test_padding_of_a_preheader_is_no_hidden_text():
    assert (
        read("<div hidden>Your order" + "&zwnj;&nbsp;&shy;" * 90 + "</div>").hidden == "Your order"
    )


def test_what_follows_a_hidden_element_is_seen():
    assert read("<p style='display:none'>x</p><p>y</p>").text == "y"


@pytest.mark.parametrize(
    "html",
    [
        "<font color=white>ghost</font>",
        "<p style='color:#fefefe'>ghost</p>",
        "<td bgcolor=#000000><p style='color:#000'>ghost</p>",
        "<div style='background:#123456'><i style='color:#123456'>ghost</i></div>",
    ],
)
def test_text_coloured_like_its_background_is_faint(html):
    assert read(f"<table><tr>{html}</tr></table>").faint == "ghost"


@pytest.mark.parametrize(
    "html",
    [
        "<table><td bgcolor=#0000ff><font color=white>shown</font></td></table>",
        "<div style='background-image:url(x.png)'><font color=white>shown</font></div>",
        "<table background=x.png><td><font color=white>shown</font></td></table>",
        "<p style='color:black'>shown</p>",
    ],
)
def test_text_on_another_background_is_not(html):
    assert read(html).faint == ""


def test_a_link_has_its_text_and_the_alternative_text_of_its_pictures():
    markup = read("<a href=' https://a.example/ '>Go <b>there</b><img src=i.png alt=Logo></a> on")

    assert markup.anchors == [Anchor("https://a.example/", "Go there", "Logo", "a")]
    assert markup.images == [Image("i.png", "Logo", linked=True)]


def test_an_anchor_without_a_target_is_no_link():
    assert read("<a name=top>Top</a><a href>none</a>").anchors == []


def test_hidden_text_is_no_text_of_a_link():
    assert read("<a href=x>go<span style='display:none'>paypal.com</span></a>").anchors == [
        Anchor("x", "go", "", "a")
    ]


def test_every_way_to_lead_on_is_a_link():
    markup = read(
        "<head><meta http-equiv=Refresh content=\"0; URL='http://r.example/'\"></head>"
        "<map><area href=area.html alt=Map></map>"
        "<form action=http://f.example/><input type=Password><button formaction=b.php></form>"
        "<svg><a xlink:href=svg.html>s</a></svg>"
    )

    assert [(anchor.href, anchor.kind) for anchor in markup.anchors] == [
        ("http://r.example/", "refresh"),
        ("area.html", "area"),
        ("http://f.example/", "form"),
        ("b.php", "form"),
        ("svg.html", "a"),
    ]
    assert markup.meta_refresh
    assert (markup.forms, markup.password_inputs) == (1, 1)


def test_a_refresh_may_have_blanks_around_its_target():
    markup = read("<meta http-equiv=refresh content='0; url = http://r.example/'>")

    assert [anchor.href for anchor in markup.anchors] == ["http://r.example/"]


def test_scripts_styles_and_titles_are_counted_and_not_read_as_text():
    markup = read(
        "<title> The  title </title><style>p{color:red}</style><script>alert(1)</script>"
        "<iframe src=x>frame</iframe><template>t</template><noscript>shown</noscript>"
    )

    assert markup.text == "shown"
    assert markup.title == "The title"
    assert (markup.scripts, markup.iframes, markup.style_junk) == (1, 1, 0)


def test_comments_count_but_not_conditional_ones():
    markup = read("<!-- 123456 --><p>x<!--[if mso]>outlook only<![endif]-->")

    assert markup.comment_chars == 6


def test_a_style_block_full_of_words_is_junk_and_css_is_not():
    assert read(f"<style>{'lorem ipsum ' * 300}</style>").style_junk > 3_000
    assert (
        read(f"<style>/* {'licence ' * 300} */ p{{color:red}}{'a{b:c}' * 400}</style>").style_junk
        == 0
    )
    assert read("<style>short words</style>").style_junk == 0


def test_the_base_of_relative_links_is_the_first():
    assert read("<base href=http://one.example/><base href=http://two.example/>").base == (
        "http://one.example/"
    )


def test_nodes_are_bounded_and_that_is_flagged():
    markup = read("<p>word " * 50, max_nodes=20)

    assert markup.nodes == 20
    assert markup.flags == ["html_nodes_over_limit"]
    assert 0 < markup.text.count("word") < 20


def test_html_too_deep_to_parse_is_flagged_and_its_text_read():
    markup = read("<div>" * 9_000 + "the end")

    assert markup.flags == ["html_nesting"]
    assert set(markup.flags) <= set(FLAGS)
    assert markup.text == "the end"


@given(
    st.lists(
        st.one_of(
            st.sampled_from(PIECES),
            st.text(max_size=8),
        ),
        max_size=40,
    )
)
@settings(derandomize=True)
def test_no_html_raises(pieces):
    read("".join(pieces))


def test_lone_surrogates_are_read():
    assert read("<p>a\ud800b").text.startswith("a")
