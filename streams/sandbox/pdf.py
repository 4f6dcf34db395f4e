"""PDF files: text, links, what runs when one is opened, and codes in their pictures."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from pypdf import Configuration, PageObject, PdfReader, apply_configuration
from pypdf.generic import DictionaryObject

from features.opened import File
from streams.sandbox.codes import find_codes, fits

__all__ = ["read_pdf"]

_TEXT_PAGES = 3
_LINK_PAGES = 10
_TEXT_CHARS = 20_000
_ANNOTATIONS = 200  # a page
_CONTENT_BYTES = 1_000_000  # of a page whose text is read
_TARGETS = 100
_TARGET_CHARS = 2_048
_IMAGES = 6
_CODES = 8
_BOUNDS: Final = Configuration(
    maximum_declared_stream_length=8_000_000,
    array_based_stream_maximum_output_length=8_000_000,
    lzw_maximum_output_length=8_000_000,
    run_length_maximum_output_length=8_000_000,
    zlib_maximum_output_length=32_000_000,  # a scanned page as pixels
    brotli_maximum_output_length=8_000_000,
    jbig2_maximum_output_length=8_000_000,
    image_maximum_buffer_size=75_000_000,
    stream_decoding_work_maximum_length=64_000_000,
    stream_parsing_work_maximum_count=200_000,
    array_maximum_element_count=20_000,
    dictionary_maximum_element_count=5_000,
    page_tree_maximum_entries=2_000,
    page_tree_maximum_depth=30,
    page_tree_maximum_page_entries=20_000,
    xform_maximum_invocations_per_extraction=200,
    jbig2dec_binary=None,  # no other program is started
)
_END_MARK: Final = b"%%EOF"
_END_WITHIN = 1_024
_END: Final = b"\nstartxref\n0\n%%EOF\n"
_OBJECT = re.compile(rb"([0-9]{1,10})[ \t\r\n]{1,4}[0-9]{1,5}[ \t\r\n]{1,4}obj")
_RECOVERED = 1_000  # objects of a file without a usable root
_TABLE_ENTRIES = 100_000  # of a cross-reference stream
# Seen in the bytes, so that a damaged file shows them too (ISO 32000-1, 12.6.4).
_WORDS: Final = (
    (b"/JavaScript", "javascript"),
    (b"/Launch", "launch"),
    (b"/SubmitForm", "submit"),
    (b"/EmbeddedFile", "embedded"),
)
_URI = re.compile(rb"/URI[ \t\r\n]{0,8}\(((?:[^()\\\r\n]|\\.){4,2048})\)")
_ACTIONS: Final = {"/JavaScript": "javascript", "/Launch": "launch", "/SubmitForm": "submit"}


def read_pdf(content: bytes, place: int) -> File:
    """Read the first pages; what can't be read is left out, and said by a trait. Never raises.

    Nothing is drawn: a code made of lines instead of a picture isn't seen.
    """
    traits = {trait for word, trait in _WORDS if word in content}
    targets = [match.decode("latin-1") for match in _URI.findall(content)[:_TARGETS]]
    reading = _Reading(traits, targets)
    with apply_configuration(_BOUNDS):
        reading.read(content)
    return File(
        kind="pdf",
        place=place,
        text="\n".join(reading.texts)[:_TEXT_CHARS],
        targets=tuple(dict.fromkeys(target[:_TARGET_CHARS] for target in targets))[:_TARGETS],
        codes=tuple(dict.fromkeys(reading.codes))[:_CODES],
        pages=reading.pages,
        traits=frozenset(traits),
    )


class _Reading:
    """What was read so far: a step that fails leaves what the others found."""

    def __init__(self, traits: set[str], targets: list[str]) -> None:
        self.traits = traits
        self.targets = targets
        self.texts: list[str] = []
        self.codes: list[str] = []
        self.pages = 0
        self._images = 0

    def read(self, content: bytes) -> None:
        """Go through the file; whatever a library raises for one part is that part's."""
        try:
            reader = PdfReader(
                BytesIO(_ended(content)),
                root_object_recovery_limit=_RECOVERED,
                xref_stream_maximum_entries=_TABLE_ENTRIES,
            )
            if reader.is_encrypted and not reader.decrypt(""):
                self.traits.add("encrypted")
                return
            self.pages = len(reader.pages)
            pages = [reader.pages[at] for at in range(min(self.pages, _LINK_PAGES))]
        except MemoryError:
            raise
        except ImportError:  # what AES needs isn't installed
            self.traits.add("encrypted")
            return
        except Exception:  # noqa: BLE001 - pypdf raises anything for hostile files
            self.traits.add("damaged")
            return
        if self.pages > _LINK_PAGES:
            self.traits.add("cut")
        self._each(lambda: self._catalogue(reader))
        for at, page in enumerate(pages):
            self._each(lambda page=page: self._links(page))
            if at < _TEXT_PAGES:
                self._each(lambda page=page: self._text(page))
                self._each(lambda page=page: self._pictures(page))

    def _each(self, step: Any) -> None:
        try:
            step()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - as above
            self.traits.add("damaged")

    def _catalogue(self, reader: PdfReader) -> None:
        root = _dictionary(reader.trailer["/Root"])
        self._action(root.get("/OpenAction"))
        names = _dictionary(root.get("/Names"))
        for name, trait in (("/JavaScript", "javascript"), ("/EmbeddedFiles", "embedded")):
            if name in names:
                self.traits.add(trait)

    def _links(self, page: PageObject) -> None:
        self._actions_of(page)
        for reference in list(page.get("/Annots") or ())[:_ANNOTATIONS]:
            annotation = _dictionary(reference)
            self._action(annotation.get("/A"))
            self._actions_of(annotation)

    def _actions_of(self, holder: DictionaryObject) -> None:
        for action in list(_dictionary(holder.get("/AA")).values())[:_IMAGES]:
            self._action(action)

    def _action(self, reference: Any) -> None:
        action = _dictionary(reference)
        uri = action.get("/URI")
        if uri is not None and len(self.targets) < _TARGETS:
            self.targets.append(_as_text(uri.get_object()))
        trait = _ACTIONS.get(str(action.get("/S")))
        if trait:
            self.traits.add(trait)

    def _text(self, page: PageObject) -> None:
        contents = page.get_contents()
        if contents is None:
            return
        if len(contents.get_data()) > _CONTENT_BYTES:
            self.traits.add("cut")
            return
        self.texts.append(page.extract_text()[:_TEXT_CHARS])

    def _pictures(self, page: PageObject) -> None:
        for name in _picture_names(page):
            if self._images == _IMAGES:
                self.traits.add("cut")
                return
            self._images += 1
            # One that can't be decoded must not hide the next.
            self._each(lambda name=name: self._look(page, name))

    def _look(self, page: PageObject, name: Any) -> None:
        image = page.images[name].image
        if image is not None and fits(*image.size):
            self.codes += find_codes(image)


def _ended(content: bytes) -> bytes:
    """Return a file that was cut off with an end: viewers open it without one, pypdf doesn't."""
    if _END_MARK in content[-_END_WITHIN:]:
        return content
    root = b""
    catalogue = content.find(b"/Catalog")
    if b"trailer" not in content and catalogue > 0:
        numbers = _OBJECT.findall(content, max(0, catalogue - _END_WITHIN), catalogue)
        root = b"\ntrailer <</Root %s 0 R>>" % numbers[-1] if numbers else b""
    return content + root + _END


def _picture_names(page: PageObject) -> Iterator[str | list[str]]:
    """Yield names of pictures of a size to be looked at, those of forms on the page too."""
    for name, entry in _objects(page):
        kind = entry.get("/Subtype")
        if kind == "/Image" and _may_fit(entry):
            yield name
        elif kind == "/Form":
            for inner, picture in _objects(entry):
                if picture.get("/Subtype") == "/Image" and _may_fit(picture):
                    yield [name, inner]


def _objects(holder: DictionaryObject) -> list[tuple[str, DictionaryObject]]:
    resources = _dictionary(holder.get("/Resources"))
    entries = list(_dictionary(resources.get("/XObject")).items())[:_ANNOTATIONS]
    return [(str(name), _dictionary(entry)) for name, entry in entries]


def _may_fit(picture: DictionaryObject) -> bool:
    return fits(int(picture.get("/Width", 0)), int(picture.get("/Height", 0)))


def _dictionary(reference: Any) -> DictionaryObject:
    found = None if reference is None else reference.get_object()
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _as_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
