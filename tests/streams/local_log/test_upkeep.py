import asyncio
import contextlib
import time

from streams.local_log import administration, file
from streams.local_log.log import LocalLog, TopicRow, Written
from streams.local_log.upkeep import upkeep


@contextlib.asynccontextmanager
async def kept(folder, now):
    task = asyncio.create_task(upkeep(folder, now))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def test_what_is_older_than_its_topic_keeps_goes_by_itself(folder, log):
    log.append([Written("mail", 0, b"k", b"old")] * 450)
    async with kept(folder, lambda: time.time() + 11):
        await until(lambda: log.part("mail", 0).first == 450)
    assert log.read("mail", 0, 0, records=9, size=9) == []


async def test_what_is_young_stays_and_is_folded_into_the_file(folder, log):
    log.append([Written("mail", 0, b"k", b"young mail")])
    async with kept(folder, time.time):
        await until(lambda: b"young mail" in file.path_of(folder).read_bytes())
    assert len(log.read("mail", 0, 0, records=9, size=99)) == 1


async def test_a_full_log_gives_its_oldest_mail_up_by_itself(folder, log):
    log.append([Written("mail", 0, b"k", b"m" * 900)] * 450)
    task = asyncio.create_task(upkeep(folder, bounded=["mail"], most=200_000))
    await until(lambda: log.part("mail", 0).first == 400)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert log.part("mail", 0).following == 450


async def test_upkeep_begins_when_the_log_is_there(tmp_path):
    folder = str(tmp_path / "weir")
    async with kept(folder, lambda: time.time() + 11):
        await asyncio.sleep(0.05)  # it has looked, and found none
        administration.create(folder, [TopicRow("mail", 1, 10_000, 1_000)])
        log = LocalLog(folder)
        log.append([Written("mail", 0, b"k", b"old")])
        await until(lambda: log.part("mail", 0).first == 1)
        log.close()
