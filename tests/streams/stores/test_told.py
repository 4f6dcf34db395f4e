"""What an embedded installation tells other processes, as they read it."""

import pytest

from features.envelope import LogPosition
from models.hearing import MessageFacts
from streams.settings import load
from streams.stores.label_state import LabelChange, LabelRecord
from streams.stores.protocol import Keeping, Mention, StoreError
from streams.stores.told import Told, told_path
from streams.stores.told_store import ToldStore

DAY = 86_400.0


class Clock:
    now = 1_770_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def settings(tmp_path):
    return load(None, {"WEIR_EMBEDDED__FOLDER": str(tmp_path / "embedded")})


def place(offset):
    return LogPosition("e", 0, offset)


def record_of(message):
    return LabelRecord(
        message, "default", "inbound", 1.0, place(1), (), MessageFacts(True, False, False)
    )


def test_another_process_knows_messages_by_id_and_by_message_id(settings):
    writes, reads = Told(settings), Told(settings)
    writes.judged(
        [Keeping(place(3), b"", b"hash", "a", "outbound"), Keeping(place(4), b"", b"", "b")]
    )
    known = Mention("a", place(3), "outbound")
    assert reads.messages(["a", "b", "c"]) == {"a": known, "b": Mention("b", place(4), "inbound")}
    assert reads.mentioned([b"hash", b"other"]) == {b"hash": known}


def test_the_first_message_of_a_message_id_is_the_one_that_is_known(settings):
    told = Told(settings)
    told.judged([Keeping(place(1), b"", b"hash", "first")])
    told.judged(
        [Keeping(place(2), b"", b"hash", "second"), Keeping(place(9), b"", b"hash", "first")]
    )
    assert told.mentioned([b"hash"])[b"hash"] == Mention("first", place(1), "inbound")


def test_messages_are_forgotten_after_three_days_and_labels_with_their_topic(settings):
    clock = Clock()
    told = Told(settings, clock)
    told.judged([Keeping(place(1), b"", b"hash", "old")])
    told.heard(LabelChange(None, None, [record_of("old")], labels={"label": "old"}))
    clock.now += 4 * DAY
    told.judged([Keeping(place(n), b"", b"", f"m{n}") for n in range(4096)])
    assert not told.messages(["old"])
    assert told.messages_of(["label"]) == {"label": "old"}
    clock.now += settings.topics.labels_hours * 3600
    told.judged([Keeping(place(n), b"", b"", f"n{n}") for n in range(4096)])
    assert not told.messages_of(["label"])
    assert not list(told.every_labelled())


def test_every_labelled_message_is_told_beyond_a_page(settings):
    told = Told(settings)
    told.heard(LabelChange(None, None, [record_of(f"m{n:04}") for n in range(1201)]))
    assert [each.message for each in told.every_labelled()] == [f"m{n:04}" for n in range(1201)]
    assert set(told.labelled([f"m{n:04}" for n in range(1300)])) == {
        f"m{n:04}" for n in range(1201)
    }


def test_stages_of_a_label_that_begins_again_are_gone(settings):
    told = Told(settings)
    told.passed(
        [("a", "received", 1.0, ""), ("a", "refused", 2.0, "gone"), ("b", "received", 1.0, "")]
    )
    told.begins(["a"])
    assert told.stages(["a", "b", "c"]) == [("b", "received", 1.0, "")]


def test_a_file_that_is_none_of_ours_is_refused_in_one_line(settings):
    path = told_path(settings)
    path.parent.mkdir()
    path.write_bytes(b"no database" * 100)
    with pytest.raises(
        StoreError, match=r"told\.sqlite: file is not a database; wanted: "
    ) as found:
        Told(settings)
    assert "\n" not in str(found.value)


def test_nobody_else_reads_what_is_told(settings):
    Told(settings)
    path = told_path(settings)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_write_that_fails_costs_what_is_told_and_no_more(settings, tmp_path):
    told = Told(settings)
    told._file.execute("DROP TABLE labels")
    told.heard(LabelChange(None, None, [record_of("a")], labels={"x": "a"}))
    assert told.labelled(["a"]) == {"a": record_of("a")}


async def test_the_store_tells_what_it_keeps_and_has_its_state_after_a_restart(settings, tmp_path):
    store = ToldStore(settings)
    await store.record([Keeping(place(7), b"verdict", b"hash", "a")])
    change = LabelChange(None, place(2), [record_of("a")], labels={"label": "a"})
    assert await store.keep_labels(change)
    assert not await store.keep_labels(change._replace(labels={"other": "a"}))
    others = Told(settings)
    assert others.messages(["a"])["a"].position == place(7)
    assert others.messages_of(["label", "other"]) == {"label": "a"}
    await store.close()
    again = ToldStore(settings)
    assert (await again.label_state(["a"])).labelled == {"a": record_of("a")}
    await again.close()
