"""Options that every Kafka client of Weir is opened with: brokers, TLS, SASL."""

import ssl
from typing import Any

from streams.settings import Settings, SettingsError

__all__ = ["client_options", "ssl_context"]


def client_options(settings: Settings) -> dict[str, Any]:
    """Return aiokafka's keyword arguments for any client.

    Raises SettingsError for a certificate file that can't be used.
    """
    kafka = settings.kafka
    options: dict[str, Any] = {
        "bootstrap_servers": list(kafka.brokers),
        "client_id": kafka.client_id,
        "request_timeout_ms": int(kafka.request_timeout_seconds * 1000),
        "security_protocol": kafka.security,
    }
    if kafka.security.endswith("SSL"):
        options["ssl_context"] = ssl_context(
            "kafka", kafka.ssl_cafile, kafka.ssl_certfile, kafka.ssl_keyfile
        )
    if kafka.security.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password
    return options


def ssl_context(section: str, cafile: str, certfile: str, keyfile: str) -> ssl.SSLContext:
    """Return a verifying client context; raises SettingsError that names the section's key."""
    try:
        context = ssl.create_default_context(cafile=cafile or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{section}.ssl_cafile = {cafile!r}: {error}; allowed: a PEM file of CA certificates"
        ) from None
    if certfile:
        try:
            context.load_cert_chain(certfile, keyfile or None)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{section}.ssl_certfile = {certfile!r}, {section}.ssl_keyfile = {keyfile!r}: "
                f"{error}; allowed: a PEM certificate and its private key"
            ) from None
    return context
