"""Pictures of a real QEMU: exact, by whatever way, and without leaving the machine in another state than it was."""

import asyncio

import numpy as np
import pytest

from harness.evidence.journal import read_events
from harness.frames.capture import Capture
from harness.frames.vram import PROOF_LASTS, VramReader

from .reference_session import place, reference

pytestmark = pytest.mark.system


def play(folder, body, **options):
    async def run():
        async with reference(folder, **options) as session:
            return await body(session)

    return asyncio.run(run())


async def running(session):
    return (await session.target.qmp.execute("query-status"))["status"]


def test_video_memory_and_screendump_give_the_same_picture_also_after_changes(tmp_path):
    async def body(session):
        fast = Capture(session.target.qmp, tmp_path, identity=True)
        slow = Capture(session.target.qmp, tmp_path)
        ways = []
        for number in range(1, 8):
            await session.command(f"create id={number} x={number * 90} y=99 w=200 h=300 color={number:02x}80ff")
            await session.command("frames n=1")
            a, b = await fast.grab(exact=False), await slow.grab(exact=False)
            assert a.digest == b.digest
            assert np.array_equal(a.pixels, b.pixels)
            assert (a.width, a.height) == (1024, 768)
            assert b.way == "screendump"
            ways.append(a.way)
        assert ways == ["screendump"] + ["vram"] * 6

    play(tmp_path, body)


def test_the_fast_way_is_proved_again_after_a_while(tmp_path):
    async def body(session):
        ways = [(await session.capture.grab(exact=False)).way for _ in range(2 * PROOF_LASTS + 4)]
        assert [i for i, way in enumerate(ways) if way == "screendump"] == [0, PROOF_LASTS + 1, 2 * PROOF_LASTS + 2]

    play(tmp_path, body)


def test_a_reader_that_was_wrong_is_not_believed_and_after_three_failures_not_tried(tmp_path):
    async def body(session):
        right = (await Capture(session.target.qmp, tmp_path).grab(exact=False)).pixels
        wrong = right.copy()
        wrong[767, 1023] ^= 1
        reader = VramReader(session.target.qmp)
        assert await reader.prove(right)
        assert np.array_equal(reader.read()[0], right)
        for _ in range(3):
            assert not reader.hopeless
            assert not await reader.prove(wrong)
            assert reader.read() is None
        assert reader.hopeless
        assert "not those of the screendump" in reader.why

    play(tmp_path, body)


def test_a_picture_of_one_colour_proves_nothing(tmp_path):
    async def body(session):
        reader = VramReader(session.target.qmp)
        assert not await reader.prove(np.zeros((768, 1024), np.uint32))
        assert reader.read() is None
        assert not reader.hopeless

    play(tmp_path, body)


def test_memory_of_a_process_that_is_gone_is_not_read(tmp_path):
    async def body(session):
        reader = VramReader(session.target.qmp)
        assert await reader.prove((await Capture(session.target.qmp, tmp_path).grab(exact=False)).pixels)
        session.target.qmp.pid = 2**22  # no process has this id; the proof belongs to another one
        assert reader.read() is None

    play(tmp_path, body)


def test_a_certain_picture_is_a_screendump(tmp_path):
    async def body(session):
        assert [(await session.capture.grab(exact=False)).way for _ in range(2)] == ["screendump", "vram"]
        assert (await session.capture.grab(exact=False, certain=True)).way == "screendump"

    play(tmp_path, body)


@pytest.mark.parametrize("identity", [True, False])
def test_an_exact_picture_leaves_a_running_machine_running_and_a_stopped_one_stopped(tmp_path, identity):
    async def body(session):
        capture = Capture(session.target.qmp, tmp_path, identity=identity)
        for _ in range(2):
            await capture.grab()
            assert await running(session) == "running"
        await session.target.qmp.execute("stop")
        for _ in range(2):
            await capture.grab()
            assert await running(session) == "paused"

    play(tmp_path, body)


def test_pictures_do_not_disturb_the_guests_time(tmp_path):
    async def story(folder, pictures):
        folder.mkdir()
        async with reference(folder) as session:
            answers = []
            for n in range(8):
                await session.inject(*place(10 + n, 20))
                answers.append((await session.command("frames n=3")).payload)
                for _ in range(pictures):
                    await session.capture.grab()
            return answers

    assert asyncio.run(story(tmp_path / "a", 0)) == asyncio.run(story(tmp_path / "b", 3))


def test_no_screendump_stays_behind_and_the_way_is_in_the_journal(tmp_path):
    async def body(session):
        for _ in range(3):
            await session.capture.grab()
        (tmp_path / "screen-99999.ppm").touch()  # as an interrupted one would leave it
        session.capture.close()

    play(tmp_path, body)
    assert list(tmp_path.glob("*.ppm")) == []
    ways = [e.data["way"] for e in read_events(tmp_path / "journal.jsonl") if e.kind == "capture.way"]
    assert ways == ["vram"]


def test_pixels_of_a_frame_cannot_be_changed(tmp_path):
    async def body(session):
        for _ in range(2):
            frame = await session.capture.grab()
            with pytest.raises(ValueError, match="read-only"):
                frame.pixels[0, 0] = 1

    play(tmp_path, body)
