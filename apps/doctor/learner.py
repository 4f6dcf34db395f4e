"""The learner: that one runs, and that what it learns goes out."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]  # no types
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]  # no types

from apps.doctor.broker import members
from apps.doctor.finding import Finding, fine, warning
from apps.models.commanding import open_listing
from apps.models.words import learner_lines
from streams.connection import client_options
from streams.listing import Listing
from streams.settings import Settings
from streams.topics import TopicError

__all__ = ["look_at_learner", "of_listing"]

_PATIENCE = 30.0  # seconds; without snapshots here the whole topic of models is read
_SUBJECT = "learner"


async def look_at_learner(settings: Settings) -> list[Finding]:
    """Return a finding about the learner; none where Kafka or its topics can't be used.

    That they can't is another finding's subject.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            async with open_listing(settings) as known:
                listing, labels = known.listing, known.labels
            # An embedded hook learns itself: whether it runs is another finding's subject.
            running = 1 if settings.embedded.folder else await _running(settings)
    except TimeoutError:
        said = f"the topic of models couldn't be read in {_PATIENCE:.0f} s"
        return [warning(_SUBJECT, said, "ask `weir models list`, which takes its time")]
    except (TopicError, KafkaError):
        return []
    return [of_listing(listing, labels, running)]


async def _running(settings: Settings) -> int:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        return await members(admin, settings.kafka.learner_group)
    finally:
        await admin.close()


def of_listing(listing: Listing, labels: int, running: int) -> Finding:
    """Return what there is to say, by the topic of models and how many learners are running.

    `labels` is the offset behind the last record of the topic of labels.
    """
    said = " ".join(learner_lines(listing, labels))
    if not running:
        return warning(_SUBJECT, f"none runs. {said}", "start one with `weir learner`")
    if listing.closed:
        todo = "look at the latest labels: what waits is revoked after learner.gate_seconds"
        return warning(_SUBJECT, said, todo)
    if listing.frozen:
        return warning(_SUBJECT, said, "thaw once the reason for it is gone")
    return fine(_SUBJECT, said)
