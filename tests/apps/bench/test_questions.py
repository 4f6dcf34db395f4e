from pathlib import Path

from apps.bench.questions import measure_sql
from streams.settings import Settings

MAIL = Path(__file__).parents[3] / "tests" / "corpus" / "signals" / "coins_demanded"


def test_every_question_finds_what_the_archive_was_made_with():
    told = []
    found = measure_sql(Settings(), str(MAIL), verdicts=1_000, say=told.append)
    assert (found["verdicts"], found["files"]) == (1_000, 10)
    rows = {name: question["rows"] for name, question in found["seconds"].items()}
    assert rows["an_id"] == rows["search_an_id"] == 1
    assert 0 < rows["search_newest_50"] <= 50
    assert all(rows[name] for name in ("a_days_aggregate", "daily_of_all", "a_days_signals"))
    assert set(found["own_reader"]) <= set(rows)
