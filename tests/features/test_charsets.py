"""Declared charsets are followed where they can be, and never trusted."""

import pytest

from features.charsets import decode, decode_undeclared


@pytest.mark.parametrize(
    ("data", "charset", "text", "odd"),
    [
        (b"plain", "", "plain", ""),
        (b"plain", "no-such", "plain", ""),
        (b"gr\xc3\xbcn", "utf-8", "grün", ""),
        (b"gr\xc3\xbcn", "UTF8", "grün", ""),
        (b"gr\xfcn", "iso-8859-1", "grün", ""),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”", ""),  # windows-1252, as readers take it
        (b"\x81", "iso-8859-1", "\x81", ""),
        (b"gr\xc3\xbcn", "iso-8859-1", "grün", "charset_wrong"),
        (b"gr\xc3\xbcn", "us-ascii", "grün", "charset_wrong"),
        (b"gr\xfcn", "utf-8", "grün", "charset_wrong"),
        (b"\xc3\xbc\xc3\xbc\xff\xc3\xbc", "utf-8", "üü\ufffdü", "charset_wrong"),
        (b"cut \xe2\x82", "utf-8", "cut ", ""),
        (b"gr\xc3\xbcn", "", "grün", "charset_missing"),
        (b"gr\xfcn", "", "grün", "charset_missing"),
        (b"gr\xfcn", "klingon", "grün", "charset_unknown"),
        (b"gr\xfcn", "x" * 500, "grün", "charset_unknown"),
        (b"\xcf\xf0\xe8", "windows-1251", "При", ""),
        (b"\xf0\xd2\xc9", "koi8-r", "При", ""),
        ("日本".encode("iso2022_jp"), "ISO-2022-JP", "日本", ""),
        ("日本".encode("cp932"), "Shift_JIS", "日本", ""),
        ("中文".encode("gb18030"), "gb2312", "中文", ""),
        (
            b"\xd6\xd0\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "gb2312",
            "中" + "\ufffd" * 9,
            "charset_wrong",
        ),
        ("日本語です".encode(), "iso-2022-jp", "日本語です", "charset_wrong"),
        ("안녕".encode("cp949"), "ks_c_5601-1987", "안녕", ""),
        ("tiếng".encode("utf-16"), "utf-16", "tiếng", ""),
        (b"not wide", "utf-16", "not wide", "charset_wrong"),
        (b"+ADw-a+AD4-", "utf-7", "+ADw-a+AD4-", "charset_refused"),
        (b"\\u003ca\\u003e \xff", "unicode_escape", "\\u003ca\\u003e ÿ", "charset_unknown"),
        (b"abc-\xff", "punycode", "abc-ÿ", "charset_unknown"),
        (b"uryyb \xff", "rot13", "uryyb ÿ", "charset_unknown"),
        (b"x\xff", "a\0b\ud800", "xÿ", "charset_unknown"),
    ],
)
def test_bytes_are_read_as_a_mail_reader_would(data, charset, text, odd):
    assert decode(data, charset) == (text, odd)


def test_undeclared_bytes_are_utf_8_if_valid_and_windows_1252_if_not():
    assert decode_undeclared(b"\xe2\x82\xac \xc3\xbc") == "€ ü"
    assert decode_undeclared(b"\x80 \xfc") == "€ ü"
