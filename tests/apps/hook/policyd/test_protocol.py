from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.hook.policyd.protocol import LONGEST, MalformedError, Request, Requests, answer

RCPT = (
    b"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
    b"helo_name=c.example\nqueue_id=\nsender=a@x.example\nrecipient=b@y.example\n"
    b"recipient_count=0\nclient_address=192.0.2.1\nclient_name=unknown\ninstance=123.4.5\n"
    b"sasl_username=ann\nclient_port=1025\n\n"
)
READ = Request(
    state="RCPT",
    instance="123.4.5",
    sender="a@x.example",
    recipient="b@y.example",
    user="ann",
    client="192.0.2.1",
    port="1025",
)
VALUES = st.text(st.characters(exclude_characters="\n"), max_size=20)


def read(*chunks):
    requests = Requests()
    return [request for chunk in chunks for request in requests.feed(chunk)]


def test_a_request_is_read_and_what_is_unknown_is_passed_over():
    assert read(RCPT) == [READ]
    assert read(RCPT.replace(b"\n\n", b"\nnew_in_postfix_4=x\n\n")) == [READ]


@given(st.lists(st.integers(0, 2 * len(RCPT)), max_size=12))
def test_requests_are_the_same_however_they_are_split(cuts):
    data = RCPT * 2
    places = [0, *sorted(cuts), len(data)]
    chunks = [data[a:b] for a, b in pairwise(places)]
    assert read(*chunks) == [READ, READ]


def test_the_null_sender_is_told_from_none():
    assert read(RCPT.replace(b"sender=a@x.example", b"sender="))[0].null_sender
    assert not read(RCPT.replace(b"sender=a@x.example\n", b""))[0].null_sender


@given(st.dictionaries(VALUES.filter(lambda name: name and "=" not in name), VALUES))
def test_any_attributes_are_a_request(attributes):
    said = {**attributes, "request": "smtpd_access_policy"}
    text = "".join(f"{name}={value}\n" for name, value in said.items())
    assert len(read(text.encode("utf-8", "backslashreplace") + b"\n")) == 1


@given(st.binary(max_size=300))
def test_any_bytes_are_requests_or_malformed(data):
    requests = Requests()
    with suppress(MalformedError):
        assert all(isinstance(request, Request) for request in requests.feed(data))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"no attribute\n\n", "a line that is no attribute"),
        (b"=x\n\n", "a line that is no attribute"),
        (b"\n\n", "a line that is no attribute"),
        (b"\n", "an empty request"),
        (b"request=junk\n\n", "no request=smtpd_access_policy"),
        (b"a=b\n" * 300 + b"\n", "more than 200 attributes"),
        (b"a" * (LONGEST + 1), "a request of more than"),
        (b"a=" + b"a" * LONGEST + b"\n\n", "a request of more than"),
    ],
)
def test_what_is_no_request_is_malformed(data, what):
    with pytest.raises(MalformedError, match=what):
        read(data)


@pytest.mark.parametrize("count", [b"-1", b"x", b"9" * 30, "\N{SUPERSCRIPT TWO}".encode()])
def test_a_count_that_is_none_counts_as_zero(count):
    (request,) = read(RCPT.replace(b"recipient_count=0", b"recipient_count=" + count))
    assert request.recipients == 0


@given(st.text())
def test_an_answer_is_one_attribute_whatever_its_text(text):
    said = answer("HOLD", text)
    assert said.startswith(b"action=HOLD")
    assert said.endswith(b"\n\n")
    assert said.count(b"\n") == 2
    assert said.isascii()
