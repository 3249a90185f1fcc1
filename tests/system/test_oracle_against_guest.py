"""Two implementations of one document, the guest's in C and the oracle's in numpy, must draw the same pixels."""

import asyncio
import random

import numpy as np
import pytest

from harness.frames import font
from harness.frames.compare import compare
from harness.frames.identity import desktop_of
from harness.frames.oracle import render
from harness.frames.types import FrameVerdict

from .reference_session import button, key, place, reference, replay

pytestmark = pytest.mark.system

VERBS = (
    ["create"] * 6
    + ["destroy", "move", "move", "resize", "raise", "lower", "focus", "hide", "show", "redraw", "animate", "text"]
    + ["key"] * 5
    + ["pointer"] * 6
    + ["frames"] * 6
)
KEYS = ["a", "z", "1", "0", "slash", "backslash", "grave_accent", "apostrophe", "semicolon", "bracket_left", "minus"]
KEYS += ["equal", "spc", "ret", "backspace", "shift", "shift_r"]
KEYS += ["tab", "esc", "f1", "up", "kp_5", "kp_add", "kp_enter", "caps_lock", "ctrl", "alt"]  # these type nothing


async def random_step(session, chance, log, buttons):
    """One random thing that a user or a client does."""
    numbers = [
        int(w.split("=")[1]) for entry in log for w in entry.split() if entry.startswith("create") and "id=" in w
    ]
    number = chance.choice(numbers) if numbers and chance.random() < 0.9 else chance.randint(1, 96)
    x, y = chance.randint(-300, 1100), chance.randint(-200, 900)
    w, h = chance.choice([48, 49, chance.randint(48, 400), 992]), chance.choice([40, 41, chance.randint(40, 300), 768])
    verb = chance.choice(VERBS)
    match verb:
        case "create":
            kind = chance.choice(["", " kind=solid", " kind=checker", " kind=checker"])
            color = chance.randrange(1 << 24)
            number = chance.randint(1, 20)
            log.append(f"create id={number} x={x} y={y} w={w} h={h} color={color:06x}{kind}")
        case "move":
            log.append(f"move id={number} x={x} y={y}")
        case "resize":
            log.append(f"resize id={number} w={w} h={h}")
        case "animate":
            log.append(f"animate id={number} on={chance.randint(0, 1)}")
        case "frames":
            log.append(f"frames n={chance.choice([1, 1, 1, 2, 5])}")
        case "key":
            qcode, down = chance.choice(KEYS), chance.random() < 0.6
            log.append(f"key {qcode} {down}")
            await session.inject(key(qcode, down))
            return
        case "text":
            for qcode in chance.choice([["h", "i", "ret", "ret", "x"], ["w"] * chance.randint(1, 70)]):
                log.append(f"type {qcode}")
                await session.inject(key(qcode, True))
                await session.inject(key(qcode, False))
            return
        case "pointer":
            windows = session.follower.view().windows
            if windows and chance.random() < 0.7:
                window = chance.choice(windows)
                x = window.x + chance.randint(-1, window.w)
                y = window.y + chance.choice([0, 1, 18, 19, chance.randint(-1, window.h)])
            x, y = min(max(x, 0), 1023), min(max(y, 0), 767)
            events = place(x, y) if chance.random() < 0.9 else []
            if not events or chance.random() < 0.5:
                name = chance.choice(["left", "left", "left", "right", "middle"])
                buttons[name] = not buttons.get(name, False)
                events.append(button(name, buttons[name]))
            log.append(f"pointer {x} {y} {buttons}")
            await session.inject(*events)
            return
        case _:
            log.append(f"{verb} id={number}")
    await session.command(log[-1])


async def compare_sessions(folder, seed, steps):
    """Play random steps; after every tick the screen must be the oracle's, to the bit. Returns the frames compared."""
    chance, log, buttons, compared = random.Random(seed), [], {}, 0
    async with reference(folder) as session:
        for step in range(steps):
            await random_step(session, chance, log, buttons)
            if not log[-1].startswith("frames") and step < steps - 1:
                continue
            if step == steps - 1:
                await session.command("frames n=1")
            frame, result = await session.check()
            view = session.follower.view()
            story = f"seed {seed}, step {step}, after {log[-8:]}, {view}"
            assert result.matches, f"{result.reason}; {story}"
            difference = compare(render(view), desktop_of(frame.pixels))
            assert difference.equal, f"{difference}; {story}"
            assert session.follower.claim.number == session.follower.least, f"frames are counted differently; {story}"
            compared += 1
        live = session.follower
    again = replay(folder)
    assert (again.view(), again.claim) == (live.view(), live.claim), "the journal tells another story than the live run"
    return compared


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_session_shows_exactly_the_computed_pixels(tmp_path, seed):
    assert asyncio.run(compare_sessions(tmp_path, seed, 200)) > 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 104))
def test_long_random_sessions_show_exactly_the_computed_pixels(tmp_path, seed):
    assert asyncio.run(compare_sessions(tmp_path, seed, 1500)) > 150


def test_a_glyph_that_one_side_draws_a_column_further_is_caught(tmp_path, monkeypatch):
    async def body():
        async with reference(tmp_path) as session:
            await session.command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5")
            await session.command("frames n=1")
            frame, _ = await session.check()
            return desktop_of(frame.pixels), session.follower.view()

    shown, view = asyncio.run(body())
    assert compare(render(view), shown).equal
    moved = font.cells().copy()
    moved[ord("1") - font.FIRST] = np.roll(moved[ord("1") - font.FIRST], 1, axis=1)
    monkeypatch.setattr(font, "cells", lambda: moved)
    difference = compare(render(view), shown)
    assert difference.box.x == 40 + 6 + 7 * 6 + 1  # the 1 of "client 1": its eighth character, second column
    assert difference.box.h == 7


@pytest.mark.parametrize(
    ("lie", "verdict", "truthful"),
    [("black", FrameVerdict.BLANK, 0), ("stale", FrameVerdict.STALE, 3), ("torn", FrameVerdict.TORN, 3),
     ("pixel", FrameVerdict.MISMATCH, 0)],
)  # fmt: skip
def test_each_lie_of_the_zoo_gets_its_verdict_and_differs_from_the_oracle(tmp_path, lie, verdict, truthful):
    async def body():
        async with reference(tmp_path, image="reference-zoo", cmdline=f"lie={lie}") as session:
            for number in range(1, 6):
                y = 20 + number * 120
                await session.command(f"create id={number} x={10 + number * 50} y={y} w=200 h=160 color=ff0000")
                await session.command("frames n=1")
                frame, result = await session.check()
                equal = compare(render(session.follower.view()), desktop_of(frame.pixels)).equal
                honest = number + 1 <= truthful
                assert result.verdict is (FrameVerdict.MATCH if honest else verdict), result.reason
                assert equal is honest

    asyncio.run(body())


def test_after_a_soak_one_tick_shows_the_empty_desktop_again(tmp_path):
    async def body():
        async with reference(tmp_path) as session:
            await session.command("soak clients=7 seconds=1")
            await session.command("frames n=1")
            frame, result = await session.check()
            assert result.matches, result.reason
            assert compare(render(session.follower.view()), desktop_of(frame.pixels)).equal

    asyncio.run(body())
