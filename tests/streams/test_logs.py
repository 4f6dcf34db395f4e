import json
import logging

import pytest
import structlog

from streams.logs import set_up_logs
from streams.sections import LogSection


@pytest.fixture(autouse=True)
def restored():
    """Give the test runner its own logging back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object_with_time_level_and_fields(capsys):
    set_up_logs(LogSection(), worker="w1")
    structlog.get_logger("streams.x").warning("store_failed", step="look_up")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "store_failed",
        "level": "warning",
        "logger": "streams.x",
        "step": "look_up",
        "worker": "w1",
    }


def test_the_level_is_the_settings(capsys):
    set_up_logs(LogSection(level="error"))
    structlog.get_logger("streams.x").warning("quiet")
    structlog.get_logger("streams.x").error("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_libraries_warn_on_one_line_and_chat_no_further(capsys):
    set_up_logs(LogSection(level="debug"))
    logging.getLogger("aiokafka.consumer").info("chat")
    logging.getLogger("faust").warning("trouble\n  with\n\nmany lines")
    assert [line["event"] for line in lines(capsys)] == ["trouble | with | many lines"]


def test_for_people_it_is_text(capsys):
    set_up_logs(LogSection(format="console"))
    structlog.get_logger("streams.x").info("worker_starts", worker="w1")
    text = capsys.readouterr().err
    assert "worker_starts" in text
    assert not text.startswith("{")
