"""Sorted mail is read by what its owner's folders are called."""

import pytest

from apps.training.labelled import sorted_mail


@pytest.fixture
def put(tmp_path):
    def write(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text("Subject: x\n\nx\n")
        return tmp_path

    return write


def maildir(name="", **files):
    prefix = f"{name}/" if name else ""
    found = [f"{prefix}{part}/.keep" for part in ("cur", "new", "tmp")]
    return [*found, *(f"{prefix}{part}/{file}" for part, all_ in files.items() for file in all_)]


def read(root):
    return {
        (folder.name, folder.meaning): [path.rpartition("/")[2] for path in folder.files]
        for folder in sorted_mail(str(root))
    }


def test_a_maildir_with_hidden_subfolders(put):
    root = put(
        *maildir(cur=["1:2,S"], new=["unseen"]),
        *maildir(".Junk", cur=["2:2,"], new=["3"]),
        *maildir(".Archive.2024", cur=["4:2,RS"]),
        *maildir(".Junk.Old", cur=["5:2,"]),
        *maildir(".Sent", cur=["6:2,S"]),
        *maildir(".Trash", cur=["7:2,S"]),
    )

    assert read(root) == {
        ("(top)", "ham"): ["1:2,S"],
        (".Junk", "spam"): ["2:2,", "3"],
        (".Archive.2024", "ham"): ["4:2,RS"],
        (".Junk.Old", "spam"): ["5:2,"],
        (".Sent", "passed over"): ["6:2,S"],
        (".Trash", "passed over"): ["7:2,S"],
    }


def test_what_is_flagged_as_trashed_counts_nowhere(put):
    root = put(
        *maildir(cur=["1:2,ST", "2:2,S", "T3:2,S"]), *maildir("Spam", cur=["4:2,T", "5;2,F"])
    )

    assert read(root) == {("(top)", "ham"): ["2:2,S", "T3:2,S"], ("Spam", "spam"): ["5;2,F"]}


def test_labelled_folders_and_mboxes_mean_what_they_are_called(put):
    root = put(
        "ham/a.eml", "spam/b.eml", "spam/2024/c.eml", "lists.mbox", "Junk.mbox", ".hidden/x.eml"
    )

    assert read(root) == {
        ("(top)", "ham"): ["lists.mbox"],
        ("(top)", "spam"): ["Junk.mbox"],
        ("ham", "ham"): ["a.eml"],
        ("spam", "spam"): ["b.eml"],
        ("spam/2024", "spam"): ["c.eml"],
    }


def test_the_folder_that_was_given_says_nothing_by_its_own_name(put):
    root = put("Spam/inbox/a.eml") / "Spam"

    assert read(root) == {("inbox", "ham"): ["a.eml"]}


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(sorted_mail(str(tmp_path / "none")))
