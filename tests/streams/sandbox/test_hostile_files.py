"""Files made to hang or fill whoever opens them: an answer comes, and the next file is read."""

import io
import os
import random
import signal
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image

from features.opened import Request
from streams.sandbox.sandbox import Sandbox
from streams.sections import AttachmentsSection

MIB = 1 << 20
SITE = "https://quarrybrook.net/x"


def _slow(make):
    """Return a PDF whose text takes seconds: a page of very many operators, within all bounds."""
    return make.pdf(b"BT /F 9 Tf " + b"(a)Tj " * 160_000 + b"ET")


def _picture(width, height):
    """Return a PNG whose header claims a size; there is next to nothing behind it."""

    def chunk(name, data):
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))


def _bomb(make):
    return make.package({"word/document.xml": b"<w:t>" + bytes(200 * MIB)})


def _laughs(make):
    entities = "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    )  # ten to the eleventh laughs
    text = f'<!DOCTYPE d [<!ENTITY l0 "ha">{entities}]><d>&l11;</d>'
    return make.package({"word/document.xml": text, "word/_rels/a.rels": text})


def _entries(_):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"{number}.rels", "")
    return file.getvalue()


HOSTILE = {
    "a bomb in an archive": ("office", _bomb),
    "entities that expand": ("office", _laughs),
    "ten thousand entries": ("office", _entries),
    "a chain of sectors without end": (
        "office",
        lambda make: make.ole(b"x", chain=[3, 4, 5, 6, 7, 8, 9, 2]),
    ),
    "a chain of sectors out of the file": (
        "office",
        lambda make: make.ole(b"x", chain=[0xFFFFFF0] * 8),
    ),
    "a picture of ten gigapixels": ("image", lambda _: _picture(100_000, 100_000)),
    "a picture that ends early": ("image", lambda _: _picture(4_000, 4_000)),
    "pages within themselves": ("pdf", lambda make: make.pdf(kids=b"[2 0 R 2 0 R 2 0 R]")),
    "tables of references in a ring": ("pdf", lambda make: make.pdf()),  # each has /Prev, itself
    "forty thousand objects": ("pdf", lambda make: make.pdf(objects=[b"<<>>"] * 40_000)),
    "arrays in arrays": ("pdf", lambda make: make.pdf(page=b"/X" + b"[" * 50_000)),
    "a bomb in a stream": (
        "pdf",
        lambda make: make.pdf(zlib.compress(bytes(100 * MIB)), stream=b"/Filter/FlateDecode"),
    ),
    "a bomb in a bomb": (
        "pdf",
        lambda make: make.pdf(
            zlib.compress(zlib.compress(bytes(100 * MIB))),
            stream=b"/Filter[/FlateDecode/FlateDecode]",
        ),
    ),
    "a picture's bomb": (
        "pdf",
        lambda make: make.pdf(
            page=b"/Resources<</XObject<</I 6 0 R>>>>",
            objects=[
                b"<</Subtype/Image/Width 4000/Height 4000/BitsPerComponent 8/ColorSpace/DeviceRGB"
                b"/Filter/FlateDecode/Length 9>>stream\n"
                + zlib.compress(bytes(100 * MIB))
                + b"\nendstream"
            ],
        ),
    ),
}


def _resident(sandbox):
    status = Path(f"/proc/{sandbox.pid}/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _reads(sandbox, make):
    (found,) = sandbox.open([Request("image", 0, make.saved(make.code(SITE)))])
    return found.codes == (SITE,)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_answered_and_the_next_one_read(name, make):
    kind, build = HOSTILE[name]
    sandbox = Sandbox()
    try:
        assert _reads(sandbox, make)
        before = _resident(sandbox)
        found = sandbox.open([Request(kind, 0, build(make))])
        assert found is not None, "it is bounded by counts: no deadline is needed"
        assert _resident(sandbox) - before < 192 * MIB
        assert _reads(sandbox, make)
    finally:
        sandbox.close()


def test_damaged_files_never_break_the_reader(sandbox, make):
    """Bits flipped and ends cut off, of a file of each kind, the same each time."""
    chance = random.Random(5)
    whole = [
        ("pdf", make.pdf(make.shown("Your order"), [SITE], root=b"/OpenAction<</S/Launch>>")),
        ("pdf", make.saved(make.code(SITE).convert("RGB"), "PDF")),
        ("image", make.saved(make.code(SITE))),
        ("image", make.saved(make.code(SITE), "GIF")),
        ("image", make.saved(make.code(SITE), "TIFF")),
        ("image", make.saved(make.code(SITE), "WEBP")),
        ("office", make.ole(make.macro('Attribute VB_Name = "M"\r\nSub Auto_Open()\r\nEnd Sub'))),
        ("office", make.package({"word/document.xml": "<w:t>x</w:t>"}, [("frame", SITE)])),
        ("office", b"{\\rtf1 {\\object{\\*\\objdata 0105000002000000}}}"),
    ]
    sandbox.open([Request("image", 0, b"started")])
    reader = sandbox.pid
    for kind, content in whole:
        for _ in range(40):
            data = bytearray(content)
            for _ in range(chance.randint(1, 12)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            cut = chance.randrange(len(data)) if chance.random() < 0.5 else len(data)
            assert sandbox.open([Request(kind, 0, bytes(data[:cut]))]) is not None
    assert sandbox.pid == reader


def test_a_reader_that_takes_too_long_is_killed_and_another_reads_on(make):
    reasons = []
    sandbox = Sandbox(AttachmentsSection(deadline_ms=100), failed=reasons.append)
    try:
        assert _reads(sandbox, make)
        reader = sandbox.pid
        assert sandbox.open([Request("pdf", 0, _slow(make))]) is None
        assert reasons == ["the deadline has passed"]
        assert not Path(f"/proc/{reader}").exists()
        assert _reads(sandbox, make)
    finally:
        sandbox.close()


def test_a_reader_that_is_killed_costs_one_message(make):
    sandbox = Sandbox(AttachmentsSection(deadline_ms=30_000))
    try:
        assert _reads(sandbox, make)
        timer = threading.Timer(0.2, os.kill, (sandbox.pid, signal.SIGKILL))
        timer.start()
        assert sandbox.open([Request("pdf", 0, _slow(make))]) is None
        assert _reads(sandbox, make)
    finally:
        sandbox.close()


def test_a_reader_that_died_between_messages_costs_none(make):
    sandbox = Sandbox()
    try:
        assert _reads(sandbox, make)
        os.kill(sandbox.pid, signal.SIGKILL)
        os.waitid(os.P_PID, sandbox.pid, os.WEXITED | os.WNOWAIT)
        assert _reads(sandbox, make)
    finally:
        sandbox.close()


def test_a_file_that_needs_more_memory_than_there_is_costs_one_message(make):
    large = make.saved(Image.new("RGBA", (4_800, 4_800)))
    sandbox = Sandbox(AttachmentsSection(memory_mib=64))
    try:
        assert sandbox.open([Request("image", 0, large)]) is None
        assert _reads(sandbox, make)
    finally:
        sandbox.close()
    roomy = Sandbox()
    try:
        assert roomy.open([Request("image", 0, large)]) is not None
    finally:
        roomy.close()


def test_a_reader_can_open_no_file_and_no_socket_and_start_no_process(sandbox, make):
    assert _reads(sandbox, make)
    limits = Path(f"/proc/{sandbox.pid}/limits").read_text("ascii")
    most = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}

    assert most["Max open files"] == ["3", "3"]
    assert most["Max processes"] == ["0", "0"]
    assert most["Max file size"] == ["0", "0"]
    assert most["Max core file size"] == ["0", "0"]
    assert int(most["Max address space"][1]) < 512 * MIB
    assert most["Max cpu time"][0] != "unlimited"
    assert len(list(Path(f"/proc/{sandbox.pid}/fd").iterdir())) == 3


def test_a_reader_ends_with_its_parent(make):
    sandbox = Sandbox()
    assert _reads(sandbox, make)
    reader = sandbox.pid

    del sandbox

    assert not Path(f"/proc/{reader}").exists()


def test_closing_gives_up_what_is_being_opened_and_leaves_no_reader(make):
    sandbox = Sandbox(AttachmentsSection(deadline_ms=30_000))
    assert _reads(sandbox, make)
    timer = threading.Timer(0.2, sandbox.close)
    timer.start()

    assert sandbox.open([Request("pdf", 0, _slow(make))]) is None
    timer.join()
    assert sandbox.pid is None
    assert sandbox.open([Request("pdf", 0, b"%PDF")]) is None
