"""Templates become messages that their senders could have sent."""

from email import message_from_bytes, policy

import pytest

from apps.training.templates import RECIPIENT, wrap

HTML = (
    "<html><head><title>Invoice</title></head><body><p>Hi {{ first_name }},</p>"
    '<a href="#">See it</a> <a href="http://">Pay</a> <a href="https://fonts.example/">F</a>'
    "</body></html>"
)


def _html(raw: bytes) -> str:
    message = message_from_bytes(raw, policy=policy.default)
    part = message.get_body(("html",))
    assert part is not None
    return part.get_content()


@pytest.mark.parametrize("esp", [False, True])
def test_wrapping_is_deterministic(esp):
    assert wrap(HTML, esp=esp) == wrap(HTML, esp=esp)


def test_plain_links_lead_to_the_sender_and_esp_links_to_the_service():
    plain = message_from_bytes(wrap(HTML, esp=False), policy=policy.default)
    domain = plain["From"].addresses[0].domain

    assert _html(wrap(HTML, esp=False)).count(f"https://www.{domain}/") == 2
    assert domain not in _html(wrap(HTML, esp=True))
    assert _html(wrap(HTML, esp=True)).count("https://click.quillpost-mail.com/") == 2


def test_placeholders_get_values_and_other_links_stay():
    html = _html(wrap(HTML, esp=False))

    assert "Hi Alex," in html
    assert "{{" not in html
    assert "https://fonts.example/" in html


def test_the_message_is_addressed_and_has_a_subject_that_fits():
    message = message_from_bytes(wrap(HTML, esp=True), policy=policy.default)

    assert message["To"] == RECIPIENT
    assert message["Subject"].startswith("Your invoice")
    assert message["Message-ID"].endswith("@mail.quillpost-mail.com>")
