"""Every frame that the guest presents, told before it is drawn: clients, workloads, deaths, themes, full screens."""

import asyncio
import random

import pytest

from harness.clients.lifecycle import apply_lifecycle, is_lifecycle
from harness.clients.words import UnknownSceneError
from harness.clients.workloads import NAMES
from harness.frames.compare import compare
from harness.frames.identity import desktop_of
from harness.frames.prediction import Prediction

from .reference_session import button, key, place, reference

pytestmark = pytest.mark.system

BY_TIME = ("soak", "stress")  # the guest's time ends these, so the scene tells as many frames as there can be
MISBEHAVIOUR = ["page_fault", "exit", "divide_error", "deaf", "no_ack", "bad_size", "bad_object"]
UNDEFINED = ("does not read", "not defined", "whether client")  # what the document leaves open


class Frames:
    """A session whose every frame is compared with the one told, by number and by the CRC of its tile table."""

    def __init__(self, session):
        self.session, self.prediction, self.log, self.compared = session, Prediction(), [], 0
        self._seen = []  # since the command was sent: frames, and markers of clients that come and go
        session.follower.observe_marker = self._marker(session.follower.observe_marker)

    def _marker(self, observe):
        def also(marker):
            observe(marker)
            if marker.text.startswith("RAYOS_FRAME:IDENT:"):
                number, crc = marker.text.split(":")[2:]
                self._seen.append((int(number), int(crc, 16)))
            elif is_lifecycle(marker.text):
                self._seen.append(marker.text)

        return also

    async def command(self, payload):
        """:raises UnknownSceneError: if the guest does what the model says it should refuse."""
        self.log.append(payload)
        self._seen.clear()
        scene, refusal = self.session.follower.scene.fork(), None
        try:
            coming = scene.coming(payload)
        except UnknownSceneError as error:
            refusal = error
        reply = await self.session.command(payload)
        if not reply.ok:
            return reply
        if refusal is not None:
            raise refusal
        story = f"{payload} after {self.log[-12:-1]}"
        for seen in self._seen:
            if isinstance(seen, str):
                apply_lifecycle(scene, seen)
            else:
                await self._compare(seen, next(coming, None), story)
        assert payload.startswith(BY_TIME) or next(coming, None) is None, f"a frame is missing: {story}"
        return reply

    async def _compare(self, shown, told, story):
        assert told is not None, f"frame {shown[0]} was not told: {story}"
        assert told.number in (shown[0], None), story
        self.prediction.show(told.view, told.damage)
        self.compared += 1
        if self.prediction.crc != shown[1]:
            picture, _ = await self.session.check()
            difference = compare(self.prediction.pixels, desktop_of(picture.pixels))
            pytest.fail(f"frame {shown[0]}, tick {told.tick} of {story}: last frame: {difference}")


def play(folder, body):
    async def run():
        async with reference(folder, cmdline="ident=1") as session:
            frames = Frames(session)
            await body(frames)
            return frames.compared

    return asyncio.run(run())


def create(number, x=100, y=100, w=160, h=120):
    return f"create id={number} x={x} y={y} w={w} h={h} color=304050 kind=checker"


def test_each_workload_draws_what_the_document_says_at_every_tick(tmp_path):
    async def body(frames):
        for name in sorted(NAMES):
            for payload in (
                create(1), create(2, x=300), f"work id=1 name={name} seed=5", "frames n=1", "frames n=70",
                "hide id=1", "frames n=3", "show id=1", "frames n=9", "work id=1 name=stop", "frames n=2",
                "redraw id=1", "frames n=1", "destroy id=1", "destroy id=2",
            ):  # fmt: skip
                assert (await frames.command(payload)).ok, payload
        for payload in (
            create(1),
            "work id=1 name=surge",
            "frames n=370",
            "work id=1 name=media rate=30 seed=4294967290",
        ):
            assert (await frames.command(payload)).ok, payload
        await frames.command("frames n=40")

    assert play(tmp_path, body) > 400


def test_runs_by_guest_time_are_told_frame_by_frame(tmp_path):
    async def body(frames):
        for payload in (
            "soak clients=9 seconds=1", "frames n=2", create(1), "animate id=1 on=1", "frames n=2",
            "stress kind=cpu level=10 seconds=1", "frames n=3",
        ):  # fmt: skip
            assert (await frames.command(payload)).ok, payload

    assert play(tmp_path, body) > 150


def any_command(chance):
    number, other = chance.randint(1, 4), chance.randint(1, 4)
    x, y = chance.randint(-150, 1000), chance.randint(-100, 780)
    w, h = chance.choice([48, 90, 160, 400, 992]), chance.choice([40, 77, 120, 300, 768])
    on, word, color = chance.randint(0, 1), chance.choice, f"{chance.randrange(1 << 24):06x}"
    verbs = {
        f"create id={number} x={x} y={y} w={w} h={h} color={color} kind={word(['solid', 'checker'])}": 2,
        f"{word(['raise', 'focus', 'lower', 'hide', 'show', 'redraw'])} id={number}": 2,
        f"{word(['destroy', 'kill'])} id={number}": 1,
        f"move id={number} x={x} y={y}": 1,
        f"resize id={number} w={w} h={h}": 1,
        f"{word(['animate', 'animate', 'fullscreen', 'stop', 'stop'])} id={number} on={on}": 3,
        f"work id={number} name={word([*sorted(NAMES), 'stop'])} seed={chance.randrange(1 << 32)}": 3,
        f"theme name={word(['dark', 'light'])}": 1,
        f"copy id={number} text=hello": 1,
        f"paste id={number}": 1,
        f"drag from={number} to={other}": 1,
        f"supervise on={on}": 1,
        f"misbehave id={number} how={word(MISBEHAVIOUR)}": 1,
        f"frames n={word([1, 1, 2, 5, 12, 35])}": 9,
    }  # fmt: skip
    return chance.choices(list(verbs), verbs.values())[0]


async def any_input(chance, session):
    if chance.random() < 0.5:
        return await session.inject(key(chance.choice(["a", "z", "shift", "ret", "backspace"]), chance.random() < 0.6))
    windows = session.follower.scene.pending().windows
    x, y = chance.randrange(992), chance.randrange(768)
    if windows and chance.random() < 0.7:
        window = chance.choice(windows)
        x = min(max(window.x + chance.randrange(window.w), 0), 991)
        y = min(max(window.y + chance.choice([0, 5, 18, 19, 60]), 0), 767)
    return await session.inject(*place(x, y), button("left", chance.random() < 0.5))


def random_session(folder, seed, steps):
    chance = random.Random(seed)

    async def body(frames):
        for _ in range(steps):
            if chance.random() < 0.12:
                await any_input(chance, frames.session)
                continue
            try:
                await frames.command(any_command(chance))
            except UnknownSceneError as error:
                if any(word in str(error) for word in UNDEFINED):
                    return
                raise

    return play(folder, body)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_random_session_presents_exactly_the_frames_told(tmp_path, seed):
    assert random_session(tmp_path, seed, 200) > 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(200, 208))
def test_long_random_sessions_present_exactly_the_frames_told(tmp_path, seed):
    random_session(tmp_path, seed, 600)
