import os
import signal
import threading

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from apps.analysis.sealed import seal
from apps.analysis.sql import SqlError, ask


@pytest.fixture
def tables():
    table = ds.dataset(pa.table({"number": range(5_000), "name": ["é"] * 5_000}))
    with seal({"given": table}, {}, memory="64MB") as connection:
        yield connection


def test_rows_come_with_their_columns_in_order(tables):
    answer = ask(tables, "SELECT number, name, number FROM given ORDER BY number LIMIT 2")
    assert answer.columns == ("number", "name", "number")
    assert list(answer.rows) == [(0, "é", 0), (1, "é", 1)]


def test_all_rows_come_though_they_are_more_than_are_held(tables):
    assert [n for (n,) in ask(tables, "SELECT number FROM given ORDER BY 1").rows] == [
        *range(5_000)
    ]


@pytest.mark.parametrize("question", ["DESCRIBE given", "SHOW TABLES", "EXPLAIN FROM given"])
def test_what_tells_about_tables_is_a_question_too(tables, question):
    assert list(ask(tables, question).rows)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("SELECT 'é',\n  missing FROM given", "line 2, column 3: Referenced column"),
        ("SELECT 'éé' FROM nowhere", "line 1, column 18: Table with name nowhere"),
        ("SELCT 1", "line 1, column 1: syntax error"),
        ("SELECT CAST(name AS INTEGER) FROM given", "Could not convert string"),
        ("SELECT 1; SELECT 2", "2 statements given; one question is asked at a time"),
        ("-- nothing", "0 statements given"),
        ("DROP TABLE given", "DROP given; the archive is read only"),
        ("COPY given TO 'x'", "COPY given; the archive is read only"),
        ("SET memory_limit = '1TB'", "SET given"),
        ("SELECT '\udc80'", "not UTF-8 at character 9"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tables, question, said):
    with pytest.raises(SqlError) as failed:
        list(ask(tables, question).rows)
    assert said in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_question_that_needs_more_memory_than_there_is_fails_and_lands_on_no_disk(tables):
    question = "SELECT a.number, b.number FROM given a, given b ORDER BY a.number * b.number"
    with pytest.raises(SqlError, match=r"needs more than the .* of memory that it may take"):
        list(ask(tables, question).rows)


def test_ctrl_c_stops_a_question_and_is_no_defect(tables):
    question = "SELECT count(*) FROM range(10000000) a(x), range(1000000) b(y) WHERE x * y % 7 = 3"
    pressed = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    pressed.start()
    with pytest.raises(KeyboardInterrupt):
        list(ask(tables, question).rows)
