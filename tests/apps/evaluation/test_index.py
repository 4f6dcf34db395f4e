"""An index is read as the TREC spam track writes it, and its mistakes are named with their line."""

import pytest

from apps.evaluation.index import BadIndexError, read_index


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    for name in ("inmail.1", "in mail.2"):
        (tmp_path / "data" / name).write_bytes(b"Subject: x\n\ny\n")
    (tmp_path / "full").mkdir()
    return tmp_path / "full"


def write(folder, text):
    (folder / "index").write_text(text)
    return folder / "index"


def test_paths_are_relative_to_the_folder_of_the_index(folder, monkeypatch):
    index = write(folder, "spam ../data/inmail.1\n\nham  ../data/in mail.2\r\n")
    monkeypatch.chdir("/")
    entries = read_index(index)
    assert [(it.path, it.spam) for it in entries] == [
        ("../data/inmail.1", True),
        ("../data/in mail.2", False),
    ]
    assert entries[1].file.read_bytes().startswith(b"Subject")


def test_a_byte_order_mark_is_no_part_of_the_label(folder):
    """As editors on Windows write it."""
    assert read_index(write(folder, "\ufeffham ../data/inmail.1\r\n"))[0].taught


@pytest.mark.parametrize("label", ["SPAM", "Spam", "HAM", "Ham"])
def test_a_capitalised_label_is_for_scoring_only(folder, label):
    (entry,) = read_index(write(folder, f"{label} ../data/inmail.1\n"))
    assert entry.spam == (label.lower() == "spam")
    assert not entry.taught


def test_a_lower_case_label_is_taught(folder):
    assert read_index(write(folder, "ham ../data/inmail.1\n"))[0].taught


@pytest.mark.parametrize("line", ["junk ../data/inmail.1", "spam", "../data/inmail.1"])
def test_a_malformed_line_is_named_with_its_place(folder, line):
    index = write(folder, f"ham ../data/inmail.1\n{line}\n")
    with pytest.raises(BadIndexError) as caught:
        read_index(index)
    assert str(caught.value) == f"{index}:2: {line!r} isn't `spam PATH` or `ham PATH`"


def test_a_missing_file_is_named_with_its_place(folder):
    index = write(folder, "ham ../data/inmail.1\nspam ../data/none\n")
    with pytest.raises(FileNotFoundError) as caught:
        read_index(index)
    assert caught.value.filename == str(folder / "../data/none")
    assert caught.value.strerror == f"no such file; {index}:2 names it"


def test_a_folder_is_no_message(folder):
    with pytest.raises(FileNotFoundError, match="is no file"):
        read_index(write(folder, "ham ../data\n"))


def test_an_index_that_names_nothing_is_refused(folder):
    with pytest.raises(BadIndexError, match="no message named"):
        read_index(write(folder, "\n"))


def test_a_line_of_any_length_is_quoted_in_part(folder):
    with pytest.raises(BadIndexError) as caught:
        read_index(write(folder, "x" * 10_000))
    assert len(str(caught.value).rpartition("index:1:")[2]) < 150
