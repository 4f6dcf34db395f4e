"""Which features the classifier reads: none of route or identity, none that betrays a corpus."""

from features.vector import SCHEMA, Schema

__all__ = ["EXCLUDED", "PART", "SUSPICIOUS", "inputs"]

PART = "message"
"""The part of the schema that is read: a corpus of files has no history of its senders."""

_YEAR = "tells ham of 2002 from today's (ROC area at least 0.9), whatever else it says"
_ARTEFACT = "common in legitimate mail of another kind than the training ham"

# The rule for _YEAR is applied to the training ham alone: no spam and no evaluation mail decides.
EXCLUDED: dict[str, str] = {
    "message.bytes": _YEAR,
    "content.anchors": _YEAR,
    "content.images": _YEAR,
    "content.lines": _YEAR,
    "content.markup": _YEAR,
    "content.nodes": _YEAR,
    "links.image_hosts": _YEAR,
    "content.forms": _ARTEFACT + ": newsletters of 2002 carry them",
    "content.hidden": _ARTEFACT + ": a hidden preheader",
    "content.hidden_chars": _ARTEFACT + ": a hidden preheader",
    "content.zero_width": _ARTEFACT + ": padding after a preheader",
    "links.recipient_clear": _ARTEFACT + ": unsubscribe links",
}

_GROUPS = ("phrases.", "subject_phrases.")
_NOT_SUSPICIOUS = frozenset({"phrases.opt_out", "phrases.greeting", "phrases.invoice"})
SUSPICIOUS = frozenset(
    {name for name in SCHEMA.names if name.startswith(_GROUPS)} - _NOT_SUSPICIOUS
) | {
    *(f"from.{fault}" for fault in (
        "after", "angles", "badchar", "badtld", "comma", "duplicate", "glue", "multi", "noaddr",
        "nospace", "spaced", "faults", "raw8", "display_at", "cheap_tld", "new_tld", "free_host",
        "label_digits",
    )),
    "reply_to.freemail", "to.undisclosed", "subject.gap", "header.priority", "message.odd",
    "message.base64_malformed", "message.base64_ascii", "message.charset_unknown",
    "message.charset_wrong", "content.style_junk", "content.image_mostly",
    "content.password_inputs", "content.scripts", "content.iframes", "content.meta_refresh",
    "content.zero_width_in_word", "content.mixed_script_words", "content.invisible_selectors",
    *(f"links.{mark}" for mark in (
        "foreign", "all_foreign", "single", "text_differs", "odd_schemes", "cheap_tld", "free_host",
        "ip", "ip_obfuscated", "executable", "new_tld", "no_suffix", "open_redirector", "port",
        "punycode", "raw_storage", "recipient_encoded", "root_blob", "shortener", "storage_page",
        "userinfo",
    )),
    *(f"attachments.{kind}" for kind in (
        "archive_encrypted", "archive_executable", "double_extension", "executable", "html",
        "html_smuggling", "macro", "right_to_left_name", "script", "svg", "type_mismatch",
    )),
}  # fmt: skip
"""What more of never speaks for legitimate mail; `Parameters.rising` holds the trees to it."""


def inputs(schema: Schema = SCHEMA) -> tuple[str, ...]:
    """Return the names of the features to train on, in the schema's order."""
    return tuple(
        feature.name
        for feature in schema.part(PART).features
        if not feature.routing and feature.name not in EXCLUDED
    )
