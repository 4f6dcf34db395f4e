"""An operator's own weights: laid over the shipped, part of the engine, refused where unfit."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from apps.installation import open_judge
from detectors.policy_file import shipped_policy
from detectors.stack import shipped_stack
from detectors.weights import WeightsError
from features.envelope import Envelope, Incoming
from streams.opening import load_weights, open_core
from streams.sections import PrivacySection
from streams.settings import load, write_keys

OWN = """
[signals.high_priority]
weight = 0.4
measured = 2026-11-21
on = "our own mail"

[[thresholds]]
share = 0.01
sum = 2.5
low = 2.0
high = 3.0
ham = 900
above = 9
"""


def settings_with(tmp_path, text):
    file = tmp_path / "own.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(None, {"WEIR_MODELS__WEIGHTS": str(file)})


def test_a_signal_of_the_file_has_its_weight_and_every_other_the_shipped_one(tmp_path):
    stack, _ = load_weights(settings_with(tmp_path, OWN))

    shipped = shipped_stack()
    assert stack.weight("high_priority") == 0.4 != shipped.weight("high_priority")
    assert {name for name in shipped.speaks_for if stack.weight(name) != shipped.weight(name)} == {
        "high_priority"
    }
    assert stack.bias == shipped.bias


def test_without_the_setting_the_shipped_weights_judge():
    assert load_weights(load(None, {})) == (shipped_stack(), "")


def test_own_weights_make_another_engine_and_so_does_each_change_of_them(tmp_path):
    engines = {
        open_judge(load(None, {})).engine,
        open_judge(settings_with(tmp_path, OWN)).engine,
        open_judge(settings_with(tmp_path, OWN.replace("0.4", "0.5"))).engine,
    }

    assert len(engines) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.replace("high_priority", "no_such"), "signals.no_such: no such signal"),
        (OWN.replace("0.4", "-0.4"), "signals.high_priority.weight: at least 0"),
        (OWN.replace("0.4", '"much"'), "Expected `float`"),
        (OWN.replace("low = 2.0", "low = 2.6"), "thresholds 1.sum: a finite number from low"),
        (OWN.replace("above = 9", "above = 901"), "thresholds 1.above: from 0 to ham"),
        (OWN.replace("[signals", "[sig nals"), "Expected ']'"),
        (OWN.replace("weight", "wieght"), "wieght"),
        (b"\xff\xfe", "no text in UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_stops_with_one_line_that_names_it_and_the_key(
    tmp_path, text, said
):
    with pytest.raises(WeightsError) as error:
        open_judge(settings_with(tmp_path, text))

    assert said in str(error.value)
    assert str(error.value).startswith("models.weights = ")
    assert "own.toml" in str(error.value)
    assert "weir weigh" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path):
    settings = load(None, {"WEIR_MODELS__WEIGHTS": str(tmp_path / "none.toml")})

    with pytest.raises(WeightsError, match=r"none\.toml.*No such file"):
        load_weights(settings)


def test_a_worker_judges_with_them_and_says_so_by_the_same_engine(tmp_path):
    settings = settings_with(tmp_path, OWN)
    keys = tmp_path / "keys.toml"
    write_keys(keys)
    settings = replace(settings, privacy=PrivacySection(keys_file=str(keys)))

    core = open_core(settings, shipped_policy())

    assert core.engine == open_judge(settings).engine != open_judge(load(None, {})).engine
    incoming = Incoming(
        Envelope(id="x", received_at=datetime(2026, 1, 1, tzinfo=UTC)),
        b"From: a@lowfield-garden.net\nX-Priority: 1\n\nHi\n",
    )
    (judged,) = core.judge([incoming])
    weight = core.terms_of(incoming).stack.weight("high_priority")
    (urgent,) = [s for s in judged.verdict.signals if s.name == "high_priority"]
    assert weight == 0.4
    assert 0 < urgent.contribution < 500_000
