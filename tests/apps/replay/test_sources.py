from datetime import UTC, datetime

import pytest

from apps.replay.sources import (
    ArchiveSource,
    FileSource,
    SourceError,
    TopicSource,
    parse_source,
)
from streams.settings import load

DAY = datetime(2025, 11, 20, tzinfo=UTC)
PLAIN = load(None, {})
ARCHIVED = load(None, {"WEIR_ARCHIVE__URL": "s3://bucket/mail"})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("topic", TopicSource()),
        ("topic:0,3", TopicSource((0, 3))),
        ("topic@5..9", TopicSource((), 5, 9)),
        ("topic:1@5..", TopicSource((1,), 5, None)),
        ("topic@..9", TopicSource((), None, 9)),
        ("topic@2025-11-20..2025-11-20T08:00", TopicSource((), DAY, DAY.replace(hour=8))),
        (
            "topic@2025-11-20T00:00:00.5..",
            TopicSource((), DAY.replace(microsecond=500_000), None),
        ),
        ("archive:/var/mail", ArchiveSource("/var/mail")),
        ("archive:s3://b/p", ArchiveSource("s3://b/p")),
        ("s3://b/p", ArchiveSource("s3://b/p")),
        ("examples/inbound", FileSource(("examples/inbound",))),
        ("-", FileSource(("-",))),
    ],
)
def test_a_source_is_told_by_its_form(text, wanted):
    assert parse_source(text, PLAIN) == wanted


@pytest.mark.parametrize(("text", "kind"), [("", ArchiveSource), ("last:7d", ArchiveSource)])
def test_the_archive_of_the_settings_comes_first(text, kind):
    found = parse_source(text, ARCHIVED)
    assert isinstance(found, kind)
    assert found.url == "s3://bucket/mail"


def test_without_an_archive_the_topic_is_read():
    assert parse_source("", PLAIN) == TopicSource()
    found = parse_source("last:36h", PLAIN)
    assert isinstance(found, TopicSource)
    assert (datetime.now(UTC) - found.first).total_seconds() == pytest.approx(36 * 3600, abs=60)


def test_a_folder_that_is_an_archive_is_one(tmp_path):
    (tmp_path / "manifest").mkdir()
    assert parse_source(str(tmp_path), PLAIN) == ArchiveSource(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere", "'nowhere' given; allowed: archive:URL"),
        ("topic:x", "'topic:x' given; allowed: topic, topic:0,3"),
        ("topic@5", "'topic@5' given"),
        ("topic@yesterday..", "'topic@yesterday..': 'yesterday'; allowed: a time ago"),
        ("last:soon", "'last:soon': 'soon'; allowed: a time ago"),
        ("topic:" + "0," * 5_000, "allowed: topic, topic:0,3"),
    ],
)
def test_what_is_no_source_is_told_with_what_is_allowed(text, said):
    with pytest.raises(SourceError) as told:
        parse_source(text, PLAIN)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
