"""The archive in storage that speaks S3: S3Proxy, a real server over a folder, fetched by Maven."""

import asyncio
import hashlib
import secrets
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from apps.analysis.searching import search_archive
from apps.analysis.sought import Sought
from apps.analysis.sql import ask
from apps.analysis.tables import open_tables
from apps.local import install, java, layout, ports
from apps.subscriber.archive.compacting import compact
from apps.subscriber.archive.expiring import expire
from apps.subscriber.archive.forgetting import forget
from apps.subscriber.archive.reading import Archive
from apps.subscriber.archive.storage import ArchiveError
from apps.subscriber.archive.sweeping import sweep
from streams.archive_section import ArchiveSection

pytestmark = pytest.mark.integration

POM = Path(__file__).with_name("s3proxy.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JARS = "315af1ec8aa5e5df112c6a1601897306c276fd42530266e06e88e162687160bf"
KEYS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "of-the-archive",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",  # S3Proxy knows no trailing checksums
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}
SETTINGS = """\
s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=tests
s3proxy.credential=of-the-archive
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={folder}
jclouds.identity=none
jclouds.credential=none
"""


def digest_of(folder):
    """The digest of `sha256sum *.jar`."""
    jars = sorted(folder.glob("*.jar"))
    lines = [f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in jars]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture(scope="session")
def jars(tmp_path_factory):
    """S3Proxy's jars, fetched by Maven the first time (43 MB) and held against their digest."""
    kept = layout.home() / "s3proxy" / JARS[:12]
    if not kept.is_dir():
        install.install()
        fetched = tmp_path_factory.mktemp("s3proxy") / "jars"
        maven = ["mvn", "--quiet", "--batch-mode", f"--file={POM}", COPY]
        scope = ["-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
        subprocess.run([*maven, *scope], check=True, capture_output=True)
        assert digest_of(fetched) == JARS
        kept.mkdir(parents=True, exist_ok=True)
        for jar in fetched.iterdir():
            (kept / jar.name).write_bytes(jar.read_bytes())
    assert digest_of(kept) == JARS
    return kept


@pytest.fixture(scope="session")
def server(jars, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("s3"), ports.choose()
    (folder / "buckets").mkdir()
    settings = folder / "s3proxy.conf"
    settings.write_text(SETTINGS.format(port=port, folder=folder / "buckets"))
    command = [java.find(), "-cp", f"{jars}/*", "org.gaul.s3proxy.Main", "--properties"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, str(settings)], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not ports.answers(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def url(server, monkeypatch):
    """A bucket of the test's own."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    bucket = f"b{secrets.token_hex(6)}"
    system = fs.S3FileSystem(
        endpoint_override=server, scheme="http", region="us-east-1", allow_bucket_creation=True
    )
    system.create_dir(bucket)
    return f"s3://{bucket}/weir?endpoint_override={server}&scheme=http&region=us-east-1"


async def test_an_archive_in_s3_gives_back_what_was_recorded_with_its_messages(
    judged, archived, url
):
    records = judged(6)
    archive = await archived(url=url)
    found = {it.event: it for it in archive.recorded(mail=True)}
    assert {it.value for it in found.values()} == {record.value for record in records}
    assert all(it.mail is not None for it in found.values())
    assert archive.address(archive.files("verdicts")[0]).startswith("s3://b")


async def test_an_archive_in_s3_goes_on_where_it_ended_and_is_kept_in_order(judged, archived, url):
    for first in range(0, 9, 3):
        judged(3, first=first)
        archive = await archived(url=url)
    values = {it.event: it.value for it in archive.recorded()}
    assert len(values) == 9
    now = datetime.now(UTC)
    assert compact(archive.storage, fewest=2) > 0
    assert forget(archive.storage, {"m-1"}) == 1
    expire(archive.storage, ArchiveSection(), now + timedelta(days=8))
    assert sweep(archive.storage, now + timedelta(hours=2)) > 0
    again = Archive.open(url)
    assert {it.event: it.value for it in again.recorded()} == values
    assert list(again.storage.listed("messages")) == []
    assert len(again.manifest.names) == 1


async def test_an_archive_in_s3_is_asked_in_sql_and_searched(judged, archived, url):
    records = judged(6)
    archive = await archived(url=url)
    tables = open_tables(archive)
    assert list(ask(tables.duckdb, "SELECT count(*) FROM verdicts").rows) == [(6,)]
    hits = search_archive(archive, tables, Sought(id="m-4"))
    assert [recorded.value for _, recorded in hits] == [records[4].value]


async def test_s3_that_refuses_is_named_in_one_line(url, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ArchiveError) as refused:
        await asyncio.to_thread(Archive.open, url)
    assert "\n" not in str(refused.value)
    assert "wrong" not in str(refused.value)
