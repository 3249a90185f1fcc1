"""Each way to die has its typed verdict, which names the first cause, and none takes much longer than its deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from harness.campaign.batch import plan, run_planned
from harness.engine.context import Context
from harness.engine.options import BatchOptions
from harness.errors import UsageError
from harness.evidence.journal import Event, read_events
from harness.judge.hang import starvation
from harness.scenario.builder import ScenarioBuilder
from harness.timeouts import TIMEOUTS, host
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = pytest.mark.system


def _crash(kind: str, *, image: str = "reference", timeout: float = 2.0) -> ScenarioBuilder:
    return (
        ScenarioBuilder(f"crash-{kind}", image=image)
        .boot()
        .command(f"crash kind={kind}", timeout=timeout)
        .expect("RAYOS_NEVER:COMES", timeout=timeout)
    )


@pytest.mark.parametrize(
    ("kind", "verdict", "cause"),
    [
        ("ud", Verdict.CRASH, "crash-text"),
        ("pf", Verdict.CRASH, "crash-text"),
        ("de", Verdict.CRASH, "crash-text"),
        ("panic", Verdict.CRASH, "crash-text"),
        ("triple", Verdict.CRASH, "triple-fault"),
        ("reboot", Verdict.CRASH, "guest-reset"),
        ("cliloop", Verdict.HANG, "spin-interrupts-off"),
        ("clihlt", Verdict.HANG, "halt-interrupts-off"),
        ("silent", Verdict.HANG, "silent-idle"),
        ("spin", Verdict.HANG, "silent"),
        ("flood", Verdict.HANG, "output-flood"),
    ],
)
@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_death_has_its_verdict(play: Play, kind: str, verdict: Verdict, cause: str, clock: str) -> None:
    found = play(_crash(kind), clock=clock).verdict.first_cause
    assert found is not None
    if kind == "spin" and found.cause == "host-starved":  # a loaded host: a spin with interrupts on proves nothing then
        assert starvation(found.evidence)
        return
    assert (found.verdict, found.cause) == (verdict, cause)


def test_a_hang_is_told_within_two_seconds_of_its_deadline(play: Play) -> None:
    outcome = play(_crash("cliloop", timeout=1.0))
    events = list(outcome.bundle.journal.read_text().splitlines())
    assert events
    began = time.monotonic()
    play(_crash("silent", timeout=1.0))
    # a generous bound: boot, 1 s of waiting, 1.5 s of post mortem, judging twice
    assert time.monotonic() - began < 60


def test_a_missing_image_is_a_usage_error_and_nothing_ran(tmp_path: Path) -> None:
    batch = BatchOptions(runs_dir=tmp_path / "runs")
    with pytest.raises(UsageError, match="nowhere"):
        run_planned(plan([ScenarioBuilder("x", image="nowhere.elf").boot().build()], batch), batch)
    assert not list((tmp_path / "runs").glob("*"))


def test_an_option_that_qemu_refuses_is_a_usage_error_with_qemus_own_words(tmp_path: Path) -> None:
    batch = BatchOptions(runs_dir=tmp_path / "runs")
    scenario = ScenarioBuilder("x", image="reference").set(machine__extra=["-no-such-option"]).boot().build()
    with pytest.raises(UsageError, match="no-such-option"):
        run_planned(plan([scenario], batch), batch)
    assert not list((tmp_path / "runs").glob("*"))


def _qemu_pid(ctx: Context) -> int:
    pid = getattr(ctx.target, "pid", None)
    assert isinstance(pid, int)
    return pid


def _later(number: int) -> object:
    def on_start(ctx: Context) -> None:
        def act(marker: object) -> None:
            if getattr(marker, "text", "").startswith("RAYOS_CONTROL:READY:0"):
                os.kill(_qemu_pid(ctx), number)

        ctx.evaluator.on_marker.append(act)

    return on_start


def test_a_killed_qemu_is_inconclusive_and_says_by_what(play: Play) -> None:
    scenario = ScenarioBuilder("killed", image="reference").boot().expect("RAYOS_NEVER:COMES", timeout=10)
    outcome = play(scenario, on_start=_later(signal.SIGKILL))
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "qemu-killed"
    assert "SIGKILL" in outcome.verdict.first_cause.what


def test_a_qemu_that_somebody_stopped_is_inconclusive(play: Play) -> None:
    scenario = ScenarioBuilder("stopped", image="reference").boot().expect("RAYOS_NEVER:COMES", timeout=1.5)
    outcome = play(scenario, on_start=_later(signal.SIGSTOP))
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "host-starved"


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_a_qemu_that_somebody_stopped_under_a_frame_check_is_given_up_at_its_deadline(play: Play, clock: str) -> None:
    """Each of the check's QMP commands may take 10 s by itself: one deadline has to hold for all of them."""

    def on_start(ctx: Context) -> None:
        def begun(event: Event) -> None:
            if event.kind == "step.begin" and event.data["do"] == "check-frame":
                os.kill(_qemu_pid(ctx), signal.SIGSTOP)

        ctx.journal.listen(begun)

    scenario = ScenarioBuilder("stopped", image="reference").boot().check_frame("desktop", timeout=0.5)
    outcome = play(scenario, on_start=on_start, clock=clock)
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert outcome.verdict.first_cause is not None
    assert "QEMU did not answer" in outcome.verdict.first_cause.what
    begun, ended = (e for e in read_events(outcome.bundle.journal) if e.kind[:4] == "step" and e.data["index"] == 1)
    assert (ended.host_ns - begun.host_ns) / 1e9 < host(TIMEOUTS.qmp_command) / 2


def test_a_real_spin_in_a_qemu_that_somebody_stopped_is_a_hang(play: Play) -> None:
    def on_start(ctx: Context) -> None:
        def sent(event: object) -> None:
            if getattr(event, "kind", "") == "control.reply":
                asyncio.get_running_loop().call_later(0.3, os.kill, _qemu_pid(ctx), signal.SIGSTOP)

        ctx.journal.listen(sent)

    outcome = play(_crash("cliloop", timeout=2.0), on_start=on_start)
    assert outcome.verdict.verdict is Verdict.HANG
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "spin-interrupts-off"


def test_a_scenario_that_checks_nothing_is_no_pass(play: Play) -> None:
    scenario = ScenarioBuilder("nothing", image="reference").set(guest__ready="").boot()
    assert play(scenario).verdict.verdict is Verdict.NOTHING_CHECKED


def test_a_guest_that_powers_off_in_the_middle_fails(play: Play) -> None:
    scenario = (
        ScenarioBuilder("off", image="reference").boot().command("poweroff").expect("RAYOS_NEVER:COMES", timeout=5)
    )
    outcome = play(scenario)
    assert (outcome.verdict.verdict, outcome.verdict.first_cause and outcome.verdict.first_cause.cause) == (
        Verdict.FAIL,
        "guest-shutdown",
    )


@pytest.mark.parametrize(("code", "verdict"), [(16, Verdict.PASS), (17, Verdict.FAIL)])
def test_an_exit_code_is_compared(play: Play, code: int, verdict: Verdict) -> None:
    scenario = ScenarioBuilder("exit", image="reference").boot().command("exit code=16").expect_exit(code=code)
    assert play(scenario).verdict.verdict is verdict


def test_a_refused_command_fails_unless_it_was_to_be_refused(play: Play) -> None:
    base = ScenarioBuilder("refused", image="reference").boot().command("destroy id=9", refused="id")
    assert play(base).verdict.verdict is Verdict.PASS
    outcome = play(ScenarioBuilder("refused", image="reference").boot().command("destroy id=9"))
    assert (outcome.verdict.verdict, outcome.verdict.first_cause and outcome.verdict.first_cause.cause) == (
        Verdict.FAIL,
        "refused",
    )
    outcome = play(ScenarioBuilder("refused", image="reference").boot().command("query", refused="id"))
    assert (outcome.verdict.verdict, outcome.verdict.first_cause and outcome.verdict.first_cause.cause) == (
        Verdict.FAIL,
        "not-refused",
    )
