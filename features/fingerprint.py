"""Near-duplicate fingerprint of content: messages that share one are a campaign."""

from features.attachments import Attachments
from features.content import Content
from features.links import Links

__all__ = ["fingerprint"]


def fingerprint(content: Content, links: Links, attachments: Attachments) -> str:
    """Return the content's fingerprint; equal or near texts give equal or near fingerprints."""
    raise NotImplementedError
