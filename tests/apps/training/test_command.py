"""`weir train` on a folder of mail, as a person types it."""

import random
import re

import pytest
from click.testing import CliRunner

from apps.cli.main import weir
from apps.training import gathering
from apps.training.command import calibrate, train
from apps.training.corpora import Sample
from apps.training.dataset import read_dataset
from models.classifier import Classifier
from models.manifest import ArtifactError, read_manifest
from streams.opening import open_core
from streams.policies import read_policy_of
from streams.settings import load, write_keys

SOBER = ("meeting", "notes", "draft", "review", "schedule", "budget", "library", "kernel", "garden")
LOUD = ("winner", "prize", "urgent", "account", "verify", "password", "bonus", "click", "pills")


def _mail(seed, words, link):
    rng = random.Random(seed)
    body = " ".join(rng.choices(words, k=60))
    return (
        f"From: Someone <someone{seed}@example.net>\nTo: you@example.org\n"
        f"Subject: {' '.join(rng.choices(words, k=4))}\n\n{body}\n{link}\n"
    ).encode()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("mail")
    for seed in range(60):
        for name, words, link in (
            ("ham", SOBER, "https://example.net/"),
            ("spam", LOUD, "http://192.0.2.9/a?b=c !!!"),
        ):
            path = root / name / f"{seed}.eml"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(_mail(f"{name}{seed}", words, link))
    return root


def _run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_two_folders_become_a_model_that_tells_them_apart(folders, tmp_path):
    out = tmp_path / "model"

    result = _run(
        train, "--ham", folders / "ham", "--spam", folders / "spam", "--out", out, "--trees", 30
    )

    assert result.exit_code == 0, result.output
    classifier = Classifier.load(
        (out / "manifest.json").read_bytes(),
        (out / "classifier.onnx").read_bytes(),
    )
    assert [(s.name, s.ham, s.spam) for s in classifier.manifest.data] == [
        ("mail-ham", 60, 0),
        ("mail-spam", 0, 60),
    ]
    assert classifier.manifest.metrics["corpus:mail"]["auc"] > 0.99
    assert "the operator's own mail" in (out / "MODEL_CARD.md").read_text()


def test_held_out_mail_and_its_near_duplicates_are_not_trained_on(folders):
    first = (folders / "ham" / "0.eml").read_bytes()
    copy = first.replace(b"you@example.org", b"other@example.org") + b"Regards\n"
    samples = [
        Sample("mail-ham", "ham", (folders / "ham" / f"{seed}.eml").read_bytes())
        for seed in range(5)
    ]

    assert len(read_dataset(samples)) == 5
    assert len(read_dataset(samples, held_out=[copy])) == 4


def test_a_message_counts_once_in_its_source(folders):
    raw = (folders / "ham" / "0.eml").read_bytes()

    dataset = read_dataset([Sample("mail-ham", "ham", raw), Sample("mail-ham", "ham", raw)])

    assert len(dataset) == 1


def test_near_duplicates_share_a_cluster_and_strangers_do_not(folders):
    one, other = (folders / "ham" / f"{seed}.eml" for seed in (0, 1))
    near = one.read_bytes().replace(b"you@example.org", b"other@example.org")

    clusters = read_dataset(
        [
            Sample("a", "ham", one.read_bytes()),
            Sample("b", "ham", near),
            Sample("c", "ham", other.read_bytes()),
        ]
    ).clusters

    assert clusters[0] == clusters[1] != clusters[2]


def test_templates_of_one_family_stay_together(folders):
    mails = [(folders / "ham" / f"{seed}.eml").read_bytes() for seed in range(3)]

    clusters = read_dataset(
        [Sample("t", "ham", raw, family) for raw, family in zip(mails, "xxy", strict=True)]
    ).clusters

    assert clusters[0] == clusters[1] != clusters[2]


def test_too_little_mail_is_said_in_one_line(folders, tmp_path):
    result = _run(
        train, "--ham", folders / "ham", "--spam", folders / "spam" / "0.eml", "--out", tmp_path
    )

    assert result.exit_code == 1
    assert "1 distinct spam messages given, at least 5 wanted" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [train, calibrate])
def test_no_mail_named_is_a_usage_error(command):
    result = _run(command)

    assert result.exit_code == 2
    assert "--ham and --spam, or --corpora" in result.output


def test_a_missing_extra_is_named_with_what_to_install(folders, monkeypatch):
    monkeypatch.setattr(gathering, "_EXTRA", ("lightgbm", "no_such_library"))

    result = _run(train, "--ham", folders, "--spam", folders)

    assert result.exit_code == 1
    assert "needs no_such_library" in result.output
    assert ".[train]" in result.output


def test_calibrate_shows_what_it_would_change_and_changes_nothing_unasked(folders, tmp_path):
    weights = tmp_path / "weights.toml"
    weights.write_text(
        "[stack]\nbias = -9.0\ncalibration = { a = 1.0, b = 0.0 }\n\n"
        "[learned.classifier]\nweight = 0.1\n\n[groups.learned]\ncap = 5.0\n"
    )
    before = weights.read_text()
    arguments = ("--ham", folders / "ham", "--spam", folders / "spam", "--weights", weights)

    shown = _run(calibrate, *arguments)
    unchanged = weights.read_text()
    written = _run(calibrate, *arguments, "--write")

    assert shown.exit_code == written.exit_code == 0, shown.output
    assert unchanged == before != weights.read_text()
    assert "before: scale 1, weight 0.1, bias -9" in shown.output
    assert "| mail-spam | spam | 60 |" in shown.output


def test_a_sorted_folder_is_read_by_its_folders_names_and_says_what_it_took_them_for(
    folders, tmp_path
):
    out = tmp_path / "model"

    result = _run(train, "--mail", folders, "--out", out, "--trees", 30)

    assert result.exit_code == 0, result.output
    assert re.search(r"^ham +60 +.*: ham$", result.output, re.MULTILINE)
    assert re.search(r"^spam +60 +.*: spam$", result.output, re.MULTILINE)
    assert "A shadow only" in result.output
    manifest = read_manifest((out / "manifest.json").read_bytes())
    assert manifest.stage == "shadow"
    assert [(s.name, s.ham, s.spam) for s in manifest.data] == [
        ("mail-ham", 60, 0),
        ("mail-spam", 0, 60),
    ]


def test_a_sorted_folder_without_abuse_says_what_is_missing(folders):
    result = _run(train, "--mail", folders / "ham")

    assert result.exit_code == 2
    assert "no abusive mail found; give --spam too" in result.output


def test_a_worker_refuses_a_model_that_may_not_act_and_force_lets_it(folders, tmp_path):
    write_keys(tmp_path / "keys.toml")
    for out, force in (("shadow", ()), ("forced", ("--force",))):
        done = _run(train, "--mail", folders, "--out", tmp_path / out, "--trees", 30, *force)
        assert done.exit_code == 0, done.output

    def opened(name):
        environment = {
            "WEIR_MODELS__CLASSIFIER": str(tmp_path / name),
            "WEIR_PRIVACY__KEYS_FILE": str(tmp_path / "keys.toml"),
        }
        settings = load(None, environment)
        return open_core(settings, read_policy_of(settings.policy)[0])

    with pytest.raises(ArtifactError, match="may score and not act") as error:
        opened("shadow")
    assert "\n" not in str(error.value)
    assert opened("forced").classifier.manifest.failed


@pytest.mark.parametrize(
    ("snapshots", "code", "said"),
    [("", 2, "models.snapshots"), ("here", 4, "kafka.brokers")],
)
def test_what_could_not_be_published_is_said_before_the_training(
    folders, tmp_path, monkeypatch, snapshots, code, said
):
    monkeypatch.chdir(tmp_path)
    environment = {"WEIR_KAFKA__BROKERS": "127.0.0.1:1", "WEIR_MODELS__SNAPSHOTS": snapshots}

    result = CliRunner().invoke(
        weir, ["train", "--mail", str(folders), "--publish"], env=environment
    )

    assert result.exit_code == code, result.output
    assert said in result.output
    assert not (tmp_path / "model").exists()


def test_templates_are_trained_on_and_gated_beside_own_mail(folders, tmp_path):
    designs = tmp_path / "designs"
    for number in range(6):
        (designs / str(number)).mkdir(parents=True)
        page = f"<html><body><p>Your receipt {number}</p><a href='#'>See it</a></body></html>"
        (designs / str(number) / "receipt.html").write_text(page)
    out = tmp_path / "model"

    result = _run(
        train, "--mail", folders, "--templates", designs, "--out", out, "--trees", 30, "--force"
    )

    assert result.exit_code == 0, result.output
    manifest = read_manifest((out / "manifest.json").read_bytes())
    assert {source.name: source.ham for source in manifest.data if source.ham} == {
        "mail-ham": 60,
        "templates-esp": 6,
        "templates-plain": 6,
    }
    found = {gate.name: gate.found for gate in manifest.gates}
    assert "of 12 held-out templates" in found["templates"]
    assert "of 60 at" in found["legitimate mail"], "templates are no mail of the operator's"
