"""An archive that somebody else made, or a settings file that says too much, does no harm."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_IMODE

import msgspec
import pytest

from apps.subscriber.archive.manifest import DataFile, Entry, ManifestFiles
from apps.subscriber.archive.storage import ArchiveError, Storage
from apps.subscriber.archive.sweeping import sweep
from streams.settings import SettingsError, load

AT = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = {
    "path": "verdicts/v1/date=2026-03-01/tenant=t/0.parquet",
    "kind": "verdicts",
    "date": "2026-03-01",
    "tenant": "t",
    "rows": 1,
    "bytes": 1,
    "since": AT,
    "until": AT,
}


@pytest.fixture
def outside(tmp_path):
    """A file that isn't the archive's."""
    folder = tmp_path / "outside"
    folder.mkdir()
    file = folder / "precious.parquet"
    file.write_bytes(b"mine")
    os.utime(file, (0, 0))
    return file


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path / "archive"))


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "../outside/precious.parquet"},
        {"path": "verdicts/../../outside/precious.parquet"},
        {"path": "/etc/passwd"},
        {"path": "verdicts//x.parquet"},
        {"path": "verdicts/\x1b[2J.parquet"},
        {"path": "verdicts/\x00"},
        {"path": ""},
        {"date": "../../x"},
        {"date": "2026-02-30"},
        {"since": "2026-03-01T00:00:00"},
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused_by_name(storage, changed):
    entry = {"at": AT, "why": "block", "adds": [GOOD | changed]}
    path = "manifest/000000000001-0123456789abcdef.json"
    storage.write(path, msgspec.json.encode(entry))
    with pytest.raises(ArchiveError, match=path):
        ManifestFiles(storage).read()


def test_nothing_is_swept_through_a_link_out_of_the_archive(storage, outside):
    entries = ManifestFiles(storage)
    entries.publish(Entry(at=AT, why="block"), entries.read())
    folder = Path(storage.place("verdicts/v1"))
    folder.mkdir(parents=True)
    (folder / "date=2026-03-01").symlink_to(outside.parent)
    with pytest.raises(ArchiveError, match="symbolic link"):
        sweep(storage, datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(ArchiveError, match="leads out"):
        storage.delete("verdicts/v1/date=2026-03-01/precious.parquet")
    assert outside.read_bytes() == b"mine"


def test_an_archive_behind_a_link_is_an_archive(storage, tmp_path):
    storage.write("labels/v1/date=2026-03-01/tenant=t/0.parquet", b"x")
    (tmp_path / "link").symlink_to(storage.root)
    linked = Storage(str(tmp_path / "link"))
    (held,) = linked.listed("labels")
    linked.delete(held.path)
    assert list(storage.listed("labels")) == []


def test_what_is_archived_is_never_readable_by_all(storage):
    before = os.umask(0)
    try:
        storage.write(DataFile(**GOOD).path, b"x")
    finally:
        os.umask(before)
    places = [Path(storage.root), *Path(storage.root).rglob("*")]
    assert len(places) > 4
    assert not any(S_IMODE(place.stat().st_mode) & 0o027 for place in places)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:SECRET@bucket/mail",
        "archive:s3://AKIA:SECRET@bucket/mail?region=x",
        "s3://AKIA:SEC/SECRET@bucket/mail",
        "s3://AKIA:SECRET @bucket",
        "s3://SECRET@bucket",
    ],
)
def test_access_keys_in_an_address_are_refused_and_not_told(url):
    with pytest.raises(ArchiveError, match="access keys") as raised:
        Storage(url)
    assert "SECRET" not in str(raised.value).replace("AWS_SECRET", "")
    with pytest.raises(SettingsError, match=r"archive\.url") as refused:
        load(None, {"WEIR_ARCHIVE__URL": url.removeprefix("archive:")})
    assert "SECRET" not in str(refused.value).replace("AWS_SECRET", "")
