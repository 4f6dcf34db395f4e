"""What is found inside honest files, by the process that opens them in earnest."""

import io

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from features.opened import Request

SITE = "https://quarrybrook.net/x"
RUNS = 'Attribute VB_Name = "Module1"\r\nSub Auto_Open()\r\nShell "cmd"\r\nEnd Sub\r\n'
CALM = 'Attribute VB_Name = "Module1"\r\nFunction Net(a, b)\r\nNet = a - b\r\nEnd Function\r\n'


@pytest.fixture
def opened(sandbox):
    def opened(kind, content):
        (found,) = sandbox.open([Request(kind, 3, content)])
        assert (found.kind, found.place) == (kind, 3)
        return found

    return opened


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_code_is_read_from_each_kind_of_picture(form, opened, make):
    picture = make.saved(make.code(SITE).convert("RGB"), form)

    assert opened("image", picture).codes == (SITE,)


def test_a_code_on_transparent_ground_is_read(opened, make):
    code = make.code(SITE)
    clear = Image.new("RGBA", code.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=code.point(lambda value: 255 - value))

    assert opened("image", make.saved(clear)).codes == (SITE,)


def test_a_small_code_on_a_large_page_is_read(opened, make):
    page = Image.new("RGB", (2480, 3508), "white")
    page.paste(make.code(SITE, scale=9), (300, 2900))

    assert opened("image", make.saved(page, "JPEG")).codes == (SITE,)


def test_all_codes_of_a_picture_are_read(opened, make):
    first, second = make.code("one"), make.code("two")
    both = Image.new("L", (first.width + second.width + 40, first.height), "white")
    both.paste(first, (0, 0))
    both.paste(second, (first.width + 40, 0))

    assert opened("image", make.saved(both)).codes == ("one", "two")


def test_a_pdf_gives_text_links_and_pages(opened, make):
    found = opened("pdf", make.pdf(make.shown("Your order", "is here"), [SITE]))

    assert found.text.split() == ["Your", "order", "is", "here"]
    assert found.targets == (SITE,)
    assert (found.pages, found.traits) == (1, frozenset())


def test_a_link_of_a_pdf_without_end_is_found_by_its_bytes(opened, make):
    whole = make.pdf(make.shown("Your order"), [SITE])

    assert opened("pdf", whole[: whole.index(b"4 0 obj")]).targets == (SITE,)


def test_the_text_of_a_pdf_without_its_table_of_objects_is_read(opened, make):
    whole = make.pdf(make.shown("Your order"), [SITE])

    assert opened("pdf", whole[: whole.index(b"xref")]).text.strip() == "Your order"


def test_a_code_in_a_pdf_is_read(opened, make):
    assert opened("pdf", make.saved(make.code(SITE).convert("RGB"), "PDF")).codes == (SITE,)


@pytest.mark.parametrize(
    ("root", "trait"),
    [
        (b"/OpenAction<</S/Launch/F(a.cmd)>>", "launch"),
        (b"/OpenAction<</S/#4aavaScript/JS(1)>>", "javascript"),
        (b"/Names<</#4aavaScript<<>>>>", "javascript"),
        (b"/Names<</#45mbeddedFiles<<>>>>", "embedded"),
        (b"/OpenAction<</S/SubmitForm>>", "submit"),
    ],
)
def test_what_a_pdf_does_when_opened_is_a_trait_however_it_is_spelled(root, trait, opened, make):
    assert trait in opened("pdf", make.pdf(root=root)).traits


def test_a_locked_pdf_is_told_from_a_damaged_one(opened, make):
    writer = PdfWriter(PdfReader(io.BytesIO(make.pdf())))
    writer.encrypt("secret", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)

    assert opened("pdf", file.getvalue()).traits == {"encrypted"}
    assert "damaged" in opened("pdf", b"%PDF-1.7 and no more").traits


@pytest.mark.parametrize(
    ("source", "traits"), [(RUNS, {"macro", "autoexec", "suspicious"}), (CALM, {"macro"})]
)
def test_a_macro_that_runs_by_itself_is_told_from_one_that_waits(source, traits, opened, make):
    document = make.ole(make.macro(source))

    assert opened("office", document).traits == traits
    assert opened("office", make.package({"xl/vbaProject.bin": document})).traits == traits


def test_an_old_document_without_macros_has_no_trait(opened, make):
    assert opened("office", make.ole(b"nothing")).traits == set()


def test_a_document_gives_text_links_and_codes(opened, make):
    found = opened(
        "office",
        make.package(
            {
                "word/document.xml": "<w:p><w:t>Good &amp; well</w:t></w:p>",
                "word/media/image1.png": make.saved(make.code(SITE)),
            },
            [("hyperlink", "https://kestrel-metals.com/?a=1&amp;b=2")],
        ),
    )

    assert found.text == "Good & well"
    assert found.targets == ("https://kestrel-metals.com/?a=1&b=2",)
    assert found.codes == (SITE,)
    assert found.traits == set()


@pytest.mark.parametrize("kind", ["attachedTemplate", "oleObject", "frame", "subDocument"])
def test_a_part_that_a_document_fetches_is_a_trait(kind, opened, make):
    found = opened("office", make.package({}, [(kind, SITE)]))

    assert found.traits == {"remote_template"}
    assert found.targets == (SITE,)


@pytest.mark.parametrize(
    "target", ["Normal.dotm", "file:///C:/t/Normal.dotm", r"\\server\t\Normal.dotm"]
)
def test_a_template_of_the_own_office_is_no_trait(target, opened, make):
    assert opened("office", make.package({}, [("attachedTemplate", target)])).traits == set()


def test_a_field_that_runs_a_command_is_a_trait(opened, make):
    field = "<w:instrText>DDEAUTO cmd.exe</w:instrText>"

    assert opened("office", make.package({"word/document.xml": field})).traits == {"dde"}


def test_a_template_of_a_rich_text_is_a_trait(opened):
    found = opened("office", b"{\\rtf1 {\\*\\template https://quarrybrook.net/x}}")

    assert found.traits == {"remote_template"}
    assert found.targets == (SITE,)


HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def _modules(make):
    image = make.code(SITE, scale=1)
    width, height = image.size
    black = [[image.getpixel((x, y)) == 0 for x in range(width)] for y in range(height)]
    return black + [[False] * width] * (height % 2)


def _halves(rows):
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(HALVES[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs
    )


def _doubled(rows):
    return "\n".join("".join("██" if black else "  " for black in row) for row in rows)


def _page(rows):
    return "<p>Hello</p><pre>" + _doubled(rows).replace(" ", "&nbsp;").replace("\n", "<br>")


@pytest.mark.parametrize("draw", [_halves, _doubled, _page])
def test_a_code_drawn_with_block_characters_is_read(draw, make, sandbox):
    text = "Hold your phone to this:\n" + draw(_modules(make))
    (found,) = sandbox.open([Request("text", -1, text.encode())])

    assert found.codes == (SITE,)


@pytest.mark.parametrize("text", ["█████ 50 %\n" * 30, "▀▄" * 60_000, "<" * 60_000, "█" * 60_000])
def test_other_drawings_say_nothing(text, sandbox):
    (found,) = sandbox.open([Request("text", -1, text.encode())])

    assert (found.codes, found.traits) == ((), frozenset())
