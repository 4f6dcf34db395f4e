"""An archive's mail as samples: what people said of it is its label (`weir train --archive`)."""

from collections.abc import Callable, Iterator

import msgspec

from apps.quality.truths import Truths
from apps.subscriber.archive.reading import Archive
from apps.training.corpora import Label, Sample, strip_artefacts
from detectors.verdict import LogPlace
from models.label import Place

__all__ = ["archived_samples"]


class _Named(msgspec.Struct):
    id: str
    kind: str = "judged"
    log: LogPlace | None = None


_DECODER = msgspec.json.Decoder(_Named)


def archived_samples(url: str, say: Callable[[str], None]) -> Iterator[Sample]:
    """Yield the messages of an archive on which labels stand, each place of the log once.

    What stands is what apps.quality.truths says: the highest source decides. A message that isn't
    kept any more can't be read anew, and `say` is told how many. Raises ArchiveError.
    """
    archive = Archive.open(url, lambda unread: say(f"{unread.place}: {unread.reason}"))
    truths = Truths()
    for kept in archive.labels():
        truths.add(kept.label)
    found = gone = 0
    seen: set[Place] = set()
    for recorded in archive.recorded(mail=True):
        try:
            named = _DECODER.decode(recorded.value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue  # of another release: its labels name a message that can't be told
        if named.log is None:
            continue
        place = Place(named.log.epoch, named.log.partition, named.log.offset)
        truth = truths.of(named.id, place)
        if truth is None or place in seen:
            continue
        seen.add(place)
        if recorded.mail is None:
            gone += 1
            continue
        found += 1
        label: Label = "spam" if truth.abuse else "ham"
        yield Sample(f"mail-{label}", label, strip_artefacts(recorded.mail.raw))
    say(f"{found:,} labelled messages of the archive, {gone:,} more whose mail isn't kept")
