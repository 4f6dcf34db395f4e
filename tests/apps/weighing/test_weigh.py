"""`weir weigh` as a person types it: folders of their own mail, a file to use."""

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.weighing.mail import of_folders, source_names
from detectors.catalogue import SPECS
from detectors.stack import shipped_stack, shipped_weights_text
from detectors.weights import read_own_weights
from streams.opening import load_weights
from streams.settings import load

PLAIN = (
    "From: Ann <ann{n}@lowfield-garden.net>\nTo: you@example.org\nSubject: notes {n}\n\nHi {n}\n"
)
URGENT = "X-Priority: 1\n" + PLAIN


def mailbox(folder, template, count, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        (folder / f"{number}.eml").write_text(template.format(n=number))
    return folder


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    root = tmp_path_factory.mktemp("mail")
    mailbox(root / "friends", PLAIN, 150)
    mailbox(root / "office", PLAIN, 60, 1_000)
    mailbox(root / "office", URGENT, 60, 2_000)
    mailbox(root / "spam", URGENT, 20, 3_000)
    return root


def weigh(*arguments):
    return CliRunner().invoke(weir, ["weigh", *map(str, arguments)])


def test_what_own_mail_fires_weighs_less_and_the_file_is_ready_for_use(mail, tmp_path):
    out = tmp_path / "own.toml"

    result = weigh(mail / "friends", mail / "office", "--out", out)

    assert result.exit_code == 0, result.output
    own = read_own_weights(out.read_text(), shipped_weights_text(), SPECS)
    assert own.signals["high_priority"].weight == 0.0
    assert own.signals["high_priority"].fp["office"] == 0.5
    assert [t.ham for t in own.thresholds] == [270] * 3
    stack, digest = load_weights(load(None, {"WEIR_MODELS__WEIGHTS": str(out)}))
    assert stack.weight("high_priority") == 0.0 < shipped_stack().weight("high_priority")
    assert digest


def test_the_report_says_what_changed_on_how_much_mail_and_what_it_would_do(mail):
    result = weigh(mail / "friends", mail / "office", "--all")

    assert "270 messages, sources: 2" in result.stdout
    assert "high_priority" in result.stdout
    assert "60 of 120 (50 %)" in result.stdout
    assert "0 of 270 above: at most 1.1 %" in result.stdout
    assert "of 270 would not be simply accepted" in result.stdout
    assert "Nothing written" in result.stdout


def test_abuse_shows_recall_and_fits_nothing(mail, tmp_path):
    without, with_it = tmp_path / "without.toml", tmp_path / "with.toml"
    sources = (mail / "friends", mail / "office", "--out")

    weigh(*sources, without)
    result = weigh(*sources, with_it, "--abuse", mail / "spam")

    assert result.exit_code == 0, result.output
    one, other = (
        read_own_weights(file.read_text(), shipped_weights_text(), SPECS)
        for file in (without, with_it)
    )
    assert {n: s.weight for n, s in one.signals.items()} == {
        n: s.weight for n, s in other.signals.items()
    }
    assert one.thresholds == other.thresholds
    assert other.signals["high_priority"].recall == 1.0


def test_copies_count_once(mail, tmp_path):
    again = mailbox(tmp_path / "again", PLAIN, 150)
    (again / "copy.eml").write_text(PLAIN.format(n=0))

    result = weigh(again, mail / "office")

    assert "1 copies left out" in result.stdout
    assert "270 messages" in result.stdout


def test_one_source_is_judged_by_fifths_and_that_is_said(mail, tmp_path):
    only = mailbox(tmp_path / "only", PLAIN, 250)

    result = weigh(only)

    assert result.exit_code == 0, result.output
    assert "One source only" in result.stdout


def test_too_little_mail_says_how_much_one_needs(mail):
    result = weigh(mail / "spam")

    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: cannot weigh: 20 distinct legitimate messages given, at least 200 needed; "
        "3,000 or more to say that 0.1 % of mail is above a threshold"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name folders of legitimate mail"),
        (("--source", "x="), "wanted is NAME=PATH"),
        (("--source", "x=/no/such/folder"), "wanted is NAME=PATH"),
        ((".", "--out", "/no/such/folder/file"), "its folder isn't there"),
        ((".", "--keep", "everything"), "wanted are judgement, rates or none"),
        ((".", "--measure", "no_such"), "no signal is called no_such"),
    ],
)
def test_wrong_usage_is_said_with_what_is_wanted(arguments, said):
    result = weigh(*arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_sources_of_one_name_are_told_apart_by_their_parents():
    assert source_names(["/mail/ann/cur", "/mail/ben/cur", "/lists/ann"], {}) == {
        "mail/ann": "/mail/ann/cur",
        "ben": "/mail/ben/cur",
        "lists/ann": "/lists/ann",
    }
    with pytest.raises(ValueError, match="two sources are called 'ann'"):
        source_names(["/mail/ann"], {"ann": "/elsewhere"})


def test_junk_and_trash_of_a_mailbox_are_no_legitimate_mail(tmp_path):
    for folder in ("", ".Sent", ".Junk", ".Trash", ".INBOX.Spam", ".Deleted Items", ".Projects"):
        for part in ("cur", "new", "tmp"):
            (tmp_path / folder / part).mkdir(parents=True)
        (tmp_path / folder / "cur" / "1.mail:2,S").write_text(PLAIN.format(n=folder or "inbox"))

    found = [piece.raw.decode() for piece in of_folders({"me": str(tmp_path)}, 10_000)]

    assert {line for raw in found for line in raw.splitlines() if line.startswith("Subject")} == {
        "Subject: notes inbox",
        "Subject: notes .Sent",
        "Subject: notes .Projects",
    }


def test_a_junk_folder_that_is_named_itself_is_read(tmp_path):
    """Who names it as a source means it, and --abuse takes it as it is."""
    folder = mailbox(tmp_path / ".Junk", PLAIN, 2)

    assert len(list(of_folders({"me": str(folder)}, 10_000))) == 2
