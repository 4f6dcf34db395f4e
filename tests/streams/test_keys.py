import os
import stat

import pytest

from streams.keys import KeysError, read_keys, write_keys


def test_keys_are_made_once_for_the_owner_alone(tmp_path):
    path = tmp_path / "new" / "keys.toml"
    keys = write_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(keys.hash_key) == len(keys.token_key) == 32
    assert read_keys(path) == keys
    with pytest.raises(FileExistsError):
        write_keys(path)


def test_two_installations_have_different_keys(tmp_path):
    assert write_keys(tmp_path / "a") != write_keys(tmp_path / "b")


def test_keys_do_not_show_in_logs(tmp_path):
    keys = write_keys(tmp_path / "keys.toml")
    assert keys.hash_key.hex() not in repr(keys)
    assert str(keys.token_salt) not in repr(keys)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, ["No such file", "weir keys create"]),
        ('hash_key = "00"', ["hash_key", "64"]),
        ("hash_key = [", ["wanted"]),
    ],
)
def test_a_file_that_can_not_be_used_is_one_line(text, words, tmp_path):
    path = tmp_path / "keys.toml"
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    with pytest.raises(KeysError) as caught:
        read_keys(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    assert all(word in line for word in words), line


def test_a_file_that_everybody_may_read_is_refused(tmp_path):
    path = tmp_path / "keys.toml"
    write_keys(path)
    path.chmod(0o644)
    with pytest.raises(KeysError, match="0644"):
        read_keys(path)


def test_a_file_of_somebody_elses_is_no_reason_to_make_another(tmp_path):
    write_keys(tmp_path / "keys.toml")
    (tmp_path / "keys.toml").chmod(0)
    before = os.geteuid()
    os.seteuid(before or 65534)  # root may read everything
    try:
        with pytest.raises(KeysError, match="Permission denied; allowed: a file that the user"):
            read_keys(tmp_path / "keys.toml")
    finally:
        os.seteuid(before)
