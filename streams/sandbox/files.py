"""One attachment opened by its kind."""

from features.opened import File, Request
from streams.sandbox.codes import codes_in
from streams.sandbox.drawn import codes_drawn
from streams.sandbox.office import read_office
from streams.sandbox.pdf import read_pdf

__all__ = ["open_file"]


def open_file(request: Request) -> File:
    """Return what is inside; raises MemoryError alone."""
    try:
        if request.kind == "pdf":
            return read_pdf(request.content, request.place)
        if request.kind == "office":
            return read_office(request.content, request.place)
        if request.kind == "text":
            source = request.content.decode("utf-8", "replace")
            return File("text", request.place, codes=codes_drawn(source))
        codes, cut = codes_in(request.content)
        traits = frozenset({"cut"}) if cut else frozenset[str]()
        return File("image", request.place, codes=codes, traits=traits)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - whatever a library raises, the file is what is wrong
        return File(request.kind, request.place, traits=frozenset({"damaged"}))
