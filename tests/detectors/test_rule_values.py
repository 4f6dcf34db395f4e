import pytest

from detectors.rule_values import mail_from_domain


@pytest.mark.parametrize(
    ("mail_from", "domain"),
    [
        ("jane@Mail.Example.com", "example.com"),
        ("<jane@host.internal.>", "host.internal"),
        ("jane.doe", ""),  # a local submission: nothing but a local part
        ("", ""),
        (None, ""),
    ],
)
def test_the_envelope_senders_domain_is_no_local_part(mail_from, domain):
    assert mail_from_domain(mail_from) == domain
