"""Files that people have mail in and that aren't raw messages: told by their first bytes."""

from typing import Final

__all__ = ["BYTE_ORDER_MARK", "foreign"]

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_UNPACK: Final = "unpack it first, or pipe it: COMMAND | weir check -"
_STARTS: Final = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Outlook or Office file; save the message as .eml"),
    (b"!BDN", "an Outlook mailbox (.pst); export it as mbox or .eml"),
    (b"\x1f\x8b", f"compressed with gzip; {_UNPACK}".replace("COMMAND", "zcat FILE")),
    (b"BZh", f"compressed with bzip2; {_UNPACK}".replace("COMMAND", "bzcat FILE")),
    (b"\xfd7zXZ\0", f"compressed with xz; {_UNPACK}".replace("COMMAND", "xzcat FILE")),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd; {_UNPACK}".replace("COMMAND", "zstdcat FILE")),
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"%PDF-", "a PDF; a message with it attached can be judged"),
    (b"\xff\xfe", "text in UTF-16; save the message as it came (.eml)"),
    (b"\xfe\xff", "text in UTF-16; save the message as it came (.eml)"),
)


def foreign(start: bytes) -> str:
    """Say what a file is, by its first line at least, if it's known to be no message; else ''."""
    for magic, what in _STARTS:
        if start.startswith(magic):
            return f"not a message but {what}"
    # Apple Mail writes the message's length before it.
    if start.endswith(b"\n") and start.strip().isdigit():
        return "not a message but Apple Mail's .emlx; leave its first line out: tail -n +2 FILE"
    return ""
