"""`weir synthesize`: files in two folders, and a help that says what they are for."""

from click.testing import CliRunner

from apps.synthesis.command import synthesize


def test_both_kinds_are_written_and_the_same_seed_writes_the_same(tmp_path):
    for name in ("one", "two"):
        arguments = ["--out", str(tmp_path / name), "--messages", "12", "--seed", "4"]
        assert CliRunner().invoke(synthesize, arguments).exit_code == 0
    one, two = (sorted((tmp_path / name).rglob("*.eml")) for name in ("one", "two"))

    assert len(one) == 24
    assert {path.parent.name for path in one} == {"fraud", "honest"}
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_one_kind_alone_can_be_asked_for(tmp_path):
    arguments = ["--out", str(tmp_path), "--messages", "3", "--only", "honest"]
    result = CliRunner().invoke(synthesize, arguments)

    assert result.exit_code == 0
    assert not (tmp_path / "fraud").exists()
    assert len(list((tmp_path / "honest").iterdir())) == 3


def test_the_help_says_what_such_mail_is_not_good_for():
    assert "no measure" in CliRunner().invoke(synthesize, ["--help"]).output
