import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from apps.analysis.sealed import seal


@pytest.fixture
def sealed():
    table = ds.dataset(pa.table({"number": [1, 2]}))
    with seal({"given": table}, {"seen": "SELECT number + 1 AS n FROM given"}, memory="64MB") as it:
        yield it


def test_it_knows_the_tables_and_the_views_on_them(sealed):
    assert sealed.execute("SELECT sum(n) FROM seen").fetchall() == [(5,)]


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT content FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM query('SELECT * FROM read_text(''{file}'')')",
        "SELECT * FROM read_parquet('https://192.0.2.1/x.parquet')",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "ATTACH '{file}' AS other",
        "SELECT * FROM duckdb_secrets()",
    ],
)
def test_it_reads_no_file_and_no_network(sealed, question, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret\n1\n")
    with pytest.raises(duckdb.Error) as failed:
        sealed.execute(question.format(file=secret, folder=tmp_path)).fetchall()
    assert "Permission" in str(failed.value) or "does not exist" in str(failed.value)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{file}'",
        "COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)",
        "WITH t AS (COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)) SELECT 1",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{file}'",
        "EXPORT DATABASE '{file}'",
        "SELECT * FROM enable_logging(storage='file', storage_path='{file}')",
        "SET enable_external_access = true",
        "SET temp_directory = '{file}'",
        "INSTALL httpfs",
        "LOAD httpfs",
    ],
)
def test_it_writes_nothing_and_its_settings_stay(sealed, statement, tmp_path):
    there = tmp_path / "there"
    there.write_text("as it was")
    with pytest.raises(duckdb.Error):
        sealed.execute(statement.format(file=there)).fetchall()
    assert there.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_name_that_is_no_table_reads_no_variable_of_ours(sealed):
    ours = pa.table({"secret": [1]})
    with pytest.raises(duckdb.CatalogException):
        sealed.execute("SELECT * FROM ours").fetchall()
    assert ours.num_rows == 1
