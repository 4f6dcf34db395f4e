"""One digest of the program that judges: equal engines give equal bytes for equal input."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from unicodedata import unidata_version

from features.context import Context
from features.vector import SCHEMA

__all__ = ["engine_digest"]

_LIBRARIES = (
    "weir",
    "publicsuffixlist",
    "disposable-email-domains",
    "onnxruntime",
    "selectolax",
    "confusable-homoglyphs",
    "common-expression-language",
    "numpy",
    "river",
    "pypdf",
    "zxing-cpp",
    "pillow",
    "oletools",
)
_ONNX_THREADS = 1  # models/classifier.py; with more, last bits depend on the batch
# The policy has its own digest in each verdict.
_NOT_THE_ENGINE = frozenset({"policy.toml"})


@cache
def engine_digest(context: Context, weights: str = "") -> str:
    """Return 16 hexadecimal digits of SHA-256 over versions, shipped data and how mail is read.

    `weights` is the digest of an operator's own weights, where they are in force. Of the context
    count the limits and whose words are believed, not the keys. Python's version counts by its
    Unicode tables, which folding and case rest on.
    """
    digest = hashlib.sha256()
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for name, value in (
        ("threads", _ONNX_THREADS),
        ("schema", SCHEMA.digest),
        ("unicode", unidata_version),
        ("limits", context.limits),
        ("authserv_ids", sorted(context.authserv_ids)),
        ("upstream_verifies", context.upstream_verifies),
        ("trusted_relays", sorted(map(str, context.trusted_relays))),
        ("trusted_sealers", sorted(context.trusted_sealers)),
    ):
        digest.update(f"{name} {value}\n".encode())
    for package in ("features", "detectors"):
        for name, content in _data(files(package) / "data", package):
            digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    if weights:
        digest.update(f"weights {weights}\n".encode())
    return digest.hexdigest()[:16]


def _data(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _data(entry, path)
        elif entry.name not in _NOT_THE_ENGINE:
            yield path, entry.read_bytes()
