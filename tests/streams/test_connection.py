import ssl

import pytest

from streams.connection import client_options, ssl_context
from streams.settings import SettingsError, load
from streams.stores.redis_store import open_redis


def test_plain_brokers_need_no_more_than_their_addresses():
    options = client_options(load(None, {"WEIR_KAFKA__BROKERS": "a:1,b:2"}))
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert options["security_protocol"] == "PLAINTEXT"
    assert "ssl_context" not in options
    assert "sasl_mechanism" not in options


def test_sasl_over_tls_carries_user_and_verifying_context():
    options = client_options(
        load(
            None,
            {
                "WEIR_KAFKA__SECURITY": "SASL_SSL",
                "WEIR_KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
                "WEIR_KAFKA__SASL_USERNAME": "u",
                "WEIR_KAFKA__SASL_PASSWORD": "p",
            },
        )
    )
    assert options["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("u", "p")
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


@pytest.mark.parametrize("certificate", [False, True])
def test_a_certificate_that_can_not_be_read_names_its_key(certificate, tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    files = ("", str(junk), str(junk)) if certificate else (str(junk), "", "")
    with pytest.raises(SettingsError, match="certfile" if certificate else "cafile") as caught:
        ssl_context("kafka", *files)
    assert "\n" not in str(caught.value)


def test_certificates_count_for_a_redis_address_too(tmp_path):
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    environ = {"WEIR_REDIS__URL": "rediss://host", "WEIR_REDIS__SSL_CAFILE": str(junk)}
    with pytest.raises(SettingsError, match="ssl_cafile"):
        open_redis(load(None, environ))
