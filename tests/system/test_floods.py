"""More output than anyone wants: without line ends, random, or up to the cap of the serial log."""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from harness.console.pump import Console
from harness.engine.run import RunOutcome
from harness.evidence.journal import read_events
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play
from .live_harness import PATIENCE, Harnesses, LiveHarness
from .outcomes import cause

pytestmark = pytest.mark.system
MB = 1 << 20


def late(outcome: RunOutcome) -> float:
    """Seconds from the deadline of the run's last step to the end of the run, by the journal."""
    events = list(read_events(outcome.bundle.journal))
    begin = [event for event in events if event.kind == "step.begin"][-1]
    (timeout,) = (float(e.data["seconds"]) for e in events if e.kind == "step.end" and e.data["status"] == "timeout")
    (end,) = (event for event in events if event.kind == "run.end")
    return (end.host_ns - begin.host_ns) / 1e9 - timeout


@pytest.mark.parametrize("clock", ["virtual", "wall"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("flood", "output-flood"),
        ("cliloop", "spin-interrupts-off"),
        ("clihlt", "halt-interrupts-off"),
        ("silent", "silent-idle"),
    ],
)
def test_a_verdict_stands_soon_after_the_deadline(play: Play, kind: str, expected: str, clock: str) -> None:
    seconds = 4 if kind == "flood" else 1  # for 64 KiB, on a host that does much else
    scenario = ScenarioBuilder(kind, image="reference").boot().command(f"crash kind={kind}", timeout=seconds)
    outcome = play(scenario, clock=clock)
    assert cause(outcome) == (Verdict.HANG, expected)
    print(f"{kind} {clock}: {late(outcome):.2f} s after the deadline")
    assert late(outcome) < 20, "the promise is 2; a crowded host may take longer"


@pytest.mark.parametrize("clock", ["virtual", pytest.param("wall", marks=pytest.mark.long)])
def test_a_guest_that_works_after_a_megabyte_of_noise_passes(play: Play, clock: str) -> None:
    outcome = play(
        ScenarioBuilder("noise", image="reference")
        .boot()
        .command("crash kind=noise bytes=1000000 seed=11", timeout=60)
        .command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1")
        .expect("RAYOS_SOAK:CLIENT_CREATED:1")
        .check_frame("a window after the noise"),
        clock=clock,
    )
    assert cause(outcome) == (Verdict.PASS, "")
    assert outcome.bundle.serial.stat().st_size > 1_000_000


# ---- the cap of the serial log -------------------------------------------------------------------------------------


@pytest.fixture
def small_log(monkeypatch: pytest.MonkeyPatch) -> int:
    """The serial log takes only this many bytes."""
    cap = 200_000
    monkeypatch.setattr("harness.engine.opening.Console", partial(Console, cap=cap))
    return cap


def test_what_is_missed_behind_a_full_log_is_nobodys_fault(play: Play, small_log: int) -> None:
    noise = f"crash kind=noise bytes={small_log} seed=11"
    outcome = play(ScenarioBuilder("full", image="reference").boot().command(noise, timeout=3))
    assert cause(outcome) == (Verdict.INCONCLUSIVE, "serial-cap")
    assert f"{small_log} bytes" in str(outcome.verdict.first_cause)
    assert outcome.bundle.serial.stat().st_size == small_log


def test_a_flood_stays_one_when_the_log_is_full(play: Play, small_log: int) -> None:
    outcome = play(ScenarioBuilder("full", image="reference").boot().command("crash kind=flood", timeout=3))
    assert cause(outcome) == (Verdict.HANG, "output-flood")
    assert outcome.bundle.serial.stat().st_size == small_log


def test_a_spin_stays_one_when_the_log_is_full(play: Play, small_log: int) -> None:
    noise = f"crash kind=noise bytes={small_log - 10_000} seed=11"
    outcome = play(
        ScenarioBuilder("full", image="reference")
        .boot()
        .command(noise, timeout=10)
        .command("crash kind=cliloop", timeout=1)
    )
    assert cause(outcome) == (Verdict.HANG, "spin-interrupts-off")


# ---- memory --------------------------------------------------------------------------------------------------------


def resident(pid: int) -> int:
    """Bytes of memory that the process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


@contextmanager
def board(harnesses: Harnesses, steps: str) -> Iterator[tuple[LiveHarness, socket.socket]]:
    """A harness that plays *steps* with a board, and the board's end of their TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        file = harnesses.folder / "board.toml"
        file.write_text(f'version = 1\nname = "board"\nurl = "socket://127.0.0.1:{server.getsockname()[1]}"\n')
        silent = 'set = { "guest.ready" = "", "guest.control" = "none" }\n'
        live = harnesses.start("run", harnesses.scenario(silent + steps), "--target", file, "--json")
        line, _ = server.accept()
    with line:
        line.settimeout(PATIENCE)
        yield live, line


NOISE = random.Random(11).randbytes(MB)
WAITS = {
    "an expectation": '[[step]]\ndo = "boot"\nuntil = "that was all"\ntimeout = 100\n',
    "a dialogue": '[[step]]\ndo = "boot"\n'
    '[[step]]\ndo = "dialogue"\nexchange = [{ expect = "that was all" }]\ntimeout = 100\n',
}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("data", [b"x" * MB, NOISE, b"x" * 60 + b"\r\n"], ids=["endless line", "noise", "lines"])
@pytest.mark.parametrize("wait", WAITS)
def test_memory_stays_flat_while_the_console_floods(wait: str, data: bytes, harnesses: Harnesses) -> None:
    block = data * (MB // len(data))
    with board(harnesses, WAITS[wait]) as (live, line):
        line.sendall(block * 4)  # returns once all was taken but what the socket's buffers hold
        before = resident(live.process.pid)
        for _ in range(32):
            line.sendall(block)
        growth = resident(live.process.pid) - before
        line.sendall(b"\r\nthat was all\r\n")
        ended = live.finish()
    (run,) = ended.document["runs"]
    print(f"{growth / MB:.1f} MB more after 32 MB, {run['host_s']} s")
    assert (ended.code, run["verdict"]) == (0, "PASS"), ended
    assert growth < 12 * MB
