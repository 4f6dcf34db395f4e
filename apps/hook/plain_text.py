"""Text for protocols of mail that carry printable ASCII alone."""

__all__ = ["plain"]


def plain(text: str) -> str:
    """Return text with a question mark for whatever isn't printable ASCII, line ends among it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" else "?" for char in text)
