"""`weir train --archive`: an archive's messages by the labels that stand on them."""

import asyncio
from datetime import UTC, datetime

import msgspec

from apps.subscriber.archive.running import Archiver
from apps.training.archived import archived_samples
from models.label import Target
from streams.label_records import label_record, new_label
from streams.topics import name
from tests.apps.replay.installation import EXAMPLES


async def test_messages_come_with_what_was_said_of_them_last(installation, tmp_path):
    mails = [path.read_bytes() for path in EXAMPLES[:4]]
    installation.receive(mails)
    for message, truth in (("m0", "phish"), ("m1", "ham"), ("m2", "spam"), ("m2", "ham")):
        label = new_label(Target(id=message), truth, "analyst", given_at=datetime.now(UTC))
        made = label_record(name(installation.settings, "labels"), label, source="/test")
        installation.append("labels", made.key, made.value, made.headers)
    section = installation.settings.archive
    archive = msgspec.structs.replace(section, url=str(tmp_path / "archive"), raw=True)
    settings = msgspec.structs.replace(installation.settings, archive=archive)
    await Archiver(settings).run(once=True)
    said = []
    samples = await asyncio.to_thread(lambda: list(archived_samples(archive.url, said.append)))
    assert sorted((it.source, it.label) for it in samples) == [
        ("mail-ham", "ham"),
        ("mail-ham", "ham"),
        ("mail-spam", "spam"),
    ]
    subjects = {line for raw in mails[:3] for line in raw.splitlines() if line[:8] == b"Subject:"}
    assert subjects == {
        line for it in samples for line in it.raw.splitlines() if line[:8] == b"Subject:"
    }
    assert said == ["3 labelled messages of the archive, 0 more whose mail isn't kept"]
