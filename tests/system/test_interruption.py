"""Ctrl-C, SIGTERM and kill -9 at any moment: the evidence stays, and nothing else does."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.evidence.journal import Event, read_events
from harness.frames.png import save_png
from harness.verdicts import EXIT_INTERRUPTED, EXIT_LAB

from .live_harness import Ended, Harnesses, LiveHarness

pytestmark = pytest.mark.system
BOOT = '[[step]]\ndo = "boot"\n'
CREATE = "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5 kind=checker"
WINDOW = f'[[step]]\ndo = "command"\nsend = ["{CREATE}", "animate id=1 on=1"]\n'
NEVER = BOOT + '[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'
# s; the promise is 5. A crowded host may take longer, a wait that is not interrupted (300 s) takes longer than that.
BOUND = 30.0


def _waiting(live: LiveHarness) -> None:
    live.until_event("step.begin", do="expect")


def _booting(live: LiveHarness) -> None:
    live.until_event("step.begin", do="boot")
    live.until_text("RAYOS_CONTROL:READY:0")


def _talking(live: LiveHarness) -> None:
    live.until_event("dialogue", exchange=1)


def _working(live: LiveHarness) -> None:
    live.until_event("control.send", payload="frames n=1000000")


def _looking(live: LiveHarness) -> None:
    live.until_event("step.begin", do="check-frame")
    live.until_event("capture.way")


MOMENTS: dict[str, tuple[str, Callable[[LiveHarness], None], tuple[str, ...]]] = {
    "an expectation": (NEVER, _waiting, ()),
    "a boot": ('[[step]]\ndo = "boot"\nuntil = "RAYOS_NEVER:COMES"\ntimeout = 300\n', _booting, ()),
    "a dialogue": (
        BOOT + '[[step]]\ndo = "dialogue"\nexchange = [{ expect = "never" }]\ntimeout = 300\n',
        _talking,
        (),
    ),
    "a command": (BOOT + WINDOW + '[[step]]\ndo = "command"\nsend = "frames n=1000000"\ntimeout = 300\n', _working, ()),
    "a frame check": (
        BOOT + '[[step]]\ndo = "check-frame"\nname = "other"\nagainst = "golden"\ntimeout = 300\n',
        _looking,
        (),
    ),
    "a golden's update": (
        BOOT + WINDOW + '[[step]]\ndo = "check-frame"\nname = "other"\nagainst = "golden"\ntimeout = 300\n',
        _looking,
        ("--clock", "wall", "--update-goldens"),
    ),
}


def interrupted(harnesses: Harnesses, live: LiveHarness, number: int) -> Ended:
    """Signal *live*, and check everything that has to be true of a run that was interrupted."""
    live.signal(number)
    ended = live.finish()
    assert "Traceback" not in ended.stderr
    assert ended.code == EXIT_INTERRUPTED, ended.stderr
    assert live.children() == []
    assert live.run_directories() == []
    assert ended.seconds < BOUND
    document = ended.document
    assert (document["verdict"], document["exit_code"]) == ("INCONCLUSIVE", EXIT_INTERRUPTED)
    (run,) = document["runs"]
    assert run["first_cause"] == f"interrupted: interrupted by {signal.Signals(number).name}"
    assert run["bundle"] == str(live.bundle)
    again = harnesses.run("judge", live.bundle, "--json")
    (judged,) = again.document["runs"]
    assert again.code == EXIT_INTERRUPTED
    assert {**judged, "host_s": 0} == {**run, "host_s": 0}
    return ended


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_a_run_in_the_middle_of(moment: str, number: int, harnesses: Harnesses) -> None:
    steps, until, options = MOMENTS[moment]
    (harnesses.folder / "goldens").mkdir()
    save_png(harnesses.folder / "goldens/other.png", np.zeros((768, 1024), np.uint32))
    live = harnesses.start("run", harnesses.scenario(steps), "--json", *options)
    until(live)
    ended = interrupted(harnesses, live, number)
    print(f"{moment}: {ended.seconds:.2f} s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_before_anything_was_started_prints_one_document_too(number: int, harnesses: Harnesses) -> None:
    scenario = harnesses.folder / "slow.toml"
    os.mkfifo(scenario)
    live = harnesses.start("run", scenario, "--json")
    with scenario.open("w"):  # it has been opened for reading: the harness is up, and waits for us to write
        live.signal(number)
        ended = live.finish()
    assert (ended.code, ended.document["exit_code"], ended.document["verdict"]) == (
        EXIT_INTERRUPTED,
        EXIT_INTERRUPTED,
        None,
    )
    assert list(live.runs.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_harness_boot(number: int, harnesses: Harnesses) -> None:
    live = harnesses.start("boot", "reference", "--expect", "RAYOS_NEVER:COMES", "--timeout", "300", "--json")
    _waiting(live)
    interrupted(harnesses, live, number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_wait_for_a_qemu_that_never_answers(number: int, harnesses: Harnesses) -> None:
    mute = harnesses.folder / "bin/qemu-system-x86_64"
    mute.parent.mkdir()
    os.mkfifo(harnesses.folder / "started")
    mute.write_text(f"#!/bin/sh\necho >'{harnesses.folder}/started'\nexec sleep 300\n")
    mute.chmod(0o755)
    patient = {"PATH": f"{mute.parent}:{os.environ['PATH']}", "HARNESS_SLOWDOWN": "4"}  # it waits 60 s for an answer
    live = harnesses.start("run", harnesses.scenario(NEVER), "--json", env=patient)
    (harnesses.folder / "started").read_text()
    ended = interrupted(harnesses, live, number)
    assert ended.seconds < BOUND


def test_a_signal_ends_a_run_whose_qemu_is_stopped(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(NEVER), "--json")
    _waiting(live)
    os.kill(live.qemu(), signal.SIGSTOP)
    interrupted(harnesses, live, signal.SIGINT)


def test_a_signal_ends_a_batch_after_the_run_that_it_hit(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(NEVER, "first"), harnesses.scenario(NEVER, "second"), "--json")
    _waiting(live)
    ended = interrupted(harnesses, live, signal.SIGINT)
    assert [run["scenario"] for run in ended.document["runs"]] == ["first"]


def test_a_second_signal_ends_the_harness_at_once_and_leaves_no_qemu(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(NEVER), "--json")
    _waiting(live)
    os.kill(live.qemu(), signal.SIGSTOP)  # so that the ordinary end takes its time
    live.signal(signal.SIGINT)
    live.until_event("run.interrupted")
    live.signal(signal.SIGINT)
    assert live.finish().code == EXIT_INTERRUPTED
    live.until_childless()


def test_a_signal_ends_the_companion_of_a_responder_too(harnesses: Harnesses) -> None:
    respond = '[[respond]]\nwhen = "RAYOS_KIT:DESKTOP"\nrun = ["sh", "-c", "echo > up; sleep 300"]\n'
    os.mkfifo(harnesses.folder / "up")
    live = harnesses.start("run", harnesses.scenario(respond + NEVER), "--json")
    (harnesses.folder / "up").read_text()
    interrupted(harnesses, live, signal.SIGTERM)


# ---- kill -9 -------------------------------------------------------------------------------------------------------


def killed(harnesses: Harnesses, live: LiveHarness) -> list[Event]:
    """kill -9 *live*, and check what has to be true then; returns its journal."""
    live.signal(signal.SIGKILL)
    ended = live.finish()
    assert ended.code == -signal.SIGKILL
    live.until_childless()
    bundle = live.bundle
    if not (bundle / "journal.jsonl").is_file():
        return []
    events = list(read_events(bundle / "journal.jsonl"))
    assert [event.seq for event in events] == list(range(len(events)))
    assert len((bundle / "journal.jsonl").read_bytes().splitlines()) - len(events) in {0, 1}
    again = harnesses.run("judge", bundle, "--json")
    assert "Traceback" not in again.stderr
    if any(event.kind == "run.end" for event in events):
        return events  # it had ended before the signal came
    assert again.code == EXIT_LAB, (again, len(events))
    (run,) = again.document["runs"]
    assert run["verdict"] == "INCONCLUSIVE"
    assert run["first_cause"].startswith("harness-died: ")
    return events


def next_run_cleans(harnesses: Harnesses, live: LiveHarness) -> None:
    ended = harnesses.run("run", harnesses.scenario(BOOT, "next"), "--json")
    assert (ended.code, ended.document["verdict"]) == (0, "PASS"), ended
    assert live.run_directories() == []


def test_a_killed_harness_leaves_no_qemu_a_readable_journal_and_a_verdict(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(NEVER), "--json")
    _waiting(live)
    assert live.run_directories(), "there should be something to clean up"
    events = killed(harnesses, live)
    assert events[-1].kind in {"step.begin", "serial"}
    assert live.run_directories(), "who should have removed it?"
    next_run_cleans(harnesses, live)


def test_a_harness_killed_before_qemu_answers_leaves_no_qemu(harnesses: Harnesses) -> None:
    mute = harnesses.folder / "bin/qemu-system-x86_64"
    mute.parent.mkdir()
    os.mkfifo(harnesses.folder / "started")
    mute.write_text(f"#!/bin/sh\necho >'{harnesses.folder}/started'\nexec sleep 300\n")
    mute.chmod(0o755)
    live = harnesses.start("run", harnesses.scenario(NEVER), env={"PATH": f"{mute.parent}:{os.environ['PATH']}"})
    (harnesses.folder / "started").read_text()
    killed(harnesses, live)
    next_run_cleans(harnesses, live)


def test_a_harness_killed_in_a_frame_check_leaves_no_qemu(harnesses: Harnesses) -> None:
    steps, until, _ = MOMENTS["a frame check"]
    (harnesses.folder / "goldens").mkdir()
    save_png(harnesses.folder / "goldens/other.png", np.zeros((768, 1024), np.uint32))
    live = harnesses.start("run", harnesses.scenario(steps))
    until(live)
    killed(harnesses, live)
    next_run_cleans(harnesses, live)


def test_the_companion_of_a_killed_harness_ends_with_it(harnesses: Harnesses) -> None:
    respond = '[[respond]]\nwhen = "RAYOS_KIT:DESKTOP"\nrun = ["sh", "-c", "echo > up; exec sleep 300"]\n'
    os.mkfifo(harnesses.folder / "up")
    live = harnesses.start("run", harnesses.scenario(respond + NEVER))
    (harnesses.folder / "up").read_text()
    killed(harnesses, live)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_harness_killed_at_any_event_of_a_run_leaves_no_qemu_and_a_verdict(harnesses: Harnesses) -> None:
    seed = int(os.environ.get("HARNESS_TEST_SEED", "1"))
    print(f"seed {seed}")
    draw = random.Random(seed)
    scenario = Path(__file__).parents[2] / "scenarios/smoke/first-light.toml"
    whole = harnesses.start("run", scenario)
    assert whole.finish().code == 0
    length = len(whole.events())
    for _ in range(20):
        count = draw.randrange(length)
        live = harnesses.start("run", scenario)
        live.until(lambda seen, count=count: len(seen) > count or any(e.kind == "run.end" for e in seen))
        killed(harnesses, live)
    next_run_cleans(harnesses, live)
