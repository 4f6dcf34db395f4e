import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.styles import BLACK, UNKNOWN, WHITE, alike, parse_color, read_style


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : None !important",
        "color:red;visibility:hidden",
        "font-size:0",
        "font-size:1px",
        "opacity:0.0",
        "text-indent:-9999px",
        "position:absolute;left:-5000px",
        "max-height:0;overflow:hidden",
    ],
)
def test_a_style_that_hides_is_seen(style):
    assert read_style(style).hides


@pytest.mark.parametrize(
    "style",
    [
        "",
        "display:block",
        "font-size:10px",
        "font-size:0.9em",
        "opacity:0.5",
        "max-height:0",
        "margin-left:-20px",
        "width:1px",
        "text-indent:5px",
        "color:none",
    ],
)
def test_an_everyday_style_hides_nothing(style):
    assert not read_style(style).hides


@pytest.mark.parametrize(
    ("written", "color"),
    [
        ("#fff", WHITE),
        ("#FFFFFF", WHITE),
        ("ffffff", WHITE),
        (" White ", WHITE),
        ("rgb(255, 255, 255)", WHITE),
        ("rgba(0 0 0 / 50%)", BLACK),
        ("#12345678", (0x12, 0x34, 0x56)),
        ("rgb(1,2)", UNKNOWN),
        ("#ggg", UNKNOWN),
        ("tomato", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_colours_are_read_in_every_notation(written, color):
    assert parse_color(written) == color


def test_a_background_picture_is_no_known_colour():
    assert read_style("background:url(x.png) #fff").background == UNKNOWN
    assert read_style("background-color:#fff;background-image:url(x.png)").background == UNKNOWN
    assert read_style("background-color:#fff;background-image:none").background == WHITE
    assert read_style("background:#fff url(x.png)").background == UNKNOWN
    assert read_style("background:#fff no-repeat").background == WHITE
    assert read_style("background:transparent").background is None


def test_nearly_the_same_colour_is_alike_and_an_unknown_one_never():
    assert alike((250, 250, 250), WHITE)
    assert not alike((200, 200, 200), WHITE)
    assert not alike(UNKNOWN, UNKNOWN)


@given(st.text(max_size=200))
@settings(derandomize=True)
def test_no_style_raises(text):
    read_style(text)
    read_style(f"font-size:{text};color:{text};background:{text}")
