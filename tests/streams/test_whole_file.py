import os
from pathlib import Path

import pytest

from streams.whole_file import write_whole


def test_a_file_takes_the_place_of_the_one_there_was_and_nothing_is_left(tmp_path):
    file = tmp_path / "result.json"
    for content in (b"one", b"two"):
        write_whole(file, content, mode=0o600)
        assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_was_there_stays_where_writing_is_broken_off(tmp_path, monkeypatch):
    file = tmp_path / "result.json"
    write_whole(file, b"one")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, b"two")
    assert file.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_stays_one_and_its_file_is_written(tmp_path):
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write_whole(link, b"content")
    assert (link.is_symlink(), file.read_bytes()) == (True, b"content")


def test_a_device_is_written_to_and_not_replaced():
    write_whole(Path(os.devnull), b"content")
    assert Path(os.devnull).is_char_device()
