"""What an archiver counts, for Prometheus (docs/metrics.md)."""

from collections import Counter as Tally
from collections.abc import Mapping

from aiokafka import TopicPartition  # type: ignore[import-untyped]  # no types
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from apps.subscriber.archive.manifest import KINDS, Entry, Manifest

__all__ = ["ArchiveMetrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class ArchiveMetrics:
    """One archiver's metrics in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"weir_archive_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"weir_archive_{name}", what, labels, registry=registry)

        self.rows = counter("rows", "Rows archived, by kind", "kind")
        self.blocks = counter("blocks", "Blocks published")
        self.overtaken = counter("overtaken", "Blocks that another archiver was faster with")
        self.expired = counter("expired_records", "Records that expired before they were archived")
        self.untidied = counter("tidy_failures", "Rounds of merging and expiring that failed")
        self.lag = gauge("lag", "Records that aren't in the archive yet, by topic", "topic")
        self.held = gauge("held_rows", "Rows that were read and wait for their block")
        self.last = gauge("last_block_timestamp_seconds", "When the last block was published")
        self.files = gauge("files", "Data files that the archive holds, by kind", "kind")
        self.bytes = gauge("bytes", "Bytes of the data files, by kind", "kind")
        self.block_seconds = Histogram(
            "weir_archive_block_seconds",
            "Time to write a block and publish it",
            buckets=_SECONDS,
            registry=registry,
        )
        for kind in KINDS:
            self.rows.labels(kind)

    def published(self, entry: Entry, seconds: float) -> None:
        """Count a block that is in the archive."""
        for file in entry.adds:
            self.rows.labels(file.kind).inc(file.rows)
        self.blocks.inc()
        self.last.set(entry.at.timestamp())
        self.block_seconds.observe(seconds)

    def holds(self, manifest: Manifest) -> None:
        """Show what an archive holds."""
        for kind in KINDS:
            files = manifest.of(kind)
            self.files.labels(kind).set(len(files))
            self.bytes.labels(kind).set(sum(file.bytes for file in files))

    def behind(
        self, ends: Mapping[TopicPartition, int], done: Mapping[TopicPartition, int]
    ) -> None:
        """Show how far each topic's end is ahead of what is archived."""
        lag: Tally[str] = Tally()
        for place, end in ends.items():
            lag[place.topic] += max(0, end - done.get(place, end))
        for topic, records in lag.items():
            self.lag.labels(topic).set(records)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
