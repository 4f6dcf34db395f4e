"""docs/questions.md: every question on it is asked."""

import re
from pathlib import Path

import pytest

from apps.analysis.sql import ask
from apps.analysis.tables import open_tables
from apps.analysis.views import VIEWS
from models.label import Target
from streams.label_records import new_label

from .conftest import START, revised

PAGE = (Path(__file__).parents[3] / "docs" / "questions.md").read_text()
QUESTIONS = re.findall(r"^([^\n]*):\n\n```sql\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
# What the archive of these tests holds nothing for.
EMPTY = {
    "What was decided, day by day, in the last week",
    "Everything about one message, every revision",
    "Campaigns: the same content from many networks within a day",
    "Domains that were accepted yesterday and are refused today",
    "What rules in shadow mode would have done",
    "Rules and list entries that decided, by day",
    "The mean score by version of a model, to see whether a new one shifted",
}


@pytest.fixture
def tables(archive, verdicts):
    labels = [
        new_label(
            Target(id=verdict.id),
            "ham" if number % 2 else "spam",
            "analyst",
            tenant=verdict.tenant,
            given_at=START,
        )
        for number, verdict in enumerate(verdicts)
    ]
    return open_tables(archive([*verdicts, revised(verdicts[0])], labels)).duckdb


def test_the_page_has_questions():
    assert len(QUESTIONS) == PAGE.count("```sql")
    assert len(QUESTIONS) > 20


def test_every_question_of_the_page_is_answered(tables):
    found = {name: list(ask(tables, question).rows) for name, question in QUESTIONS}
    assert {name for name, rows in found.items() if not rows} == EMPTY


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_on_the_page(view):
    assert f"| `{view}` |" in PAGE
