"""The plan's failure tests and the chaos scenarios on one guest: every fault fires, every one is recovered from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario.files import collect
from harness.scenario.model import Scenario
from harness.verdicts import Verdict

from .conftest import Play
from .outcomes import cause

pytestmark = pytest.mark.system
SCENARIOS = Path(__file__).parents[2] / "scenarios"
QUICK = [
    "failure/buffer-exhaustion.toml",
    "failure/error-recovery-chain.toml",
    "failure/event-queue-overflow.toml",
    "failure/memory-corruption.toml",
    "chaos/compositor-crash.toml",
]
MANY = {"failure/random-crashes.toml": 1000, "chaos/kill-random-actors.toml": 60}


def _only(path: str) -> Scenario:
    (scenario,) = collect([SCENARIOS / path])
    return scenario


@pytest.mark.parametrize("path", QUICK)
def test_every_fault_is_recovered_from(play: Play, path: str) -> None:
    outcome = play(_only(path))
    assert cause(outcome) == (Verdict.PASS, "")
    recovery = outcome.verdict.recovery
    assert recovery is not None
    assert recovery["recovered"] == recovery["injected"] > 0
    assert outcome.verdict.fingerprint is not None


@pytest.mark.long
@pytest.mark.parametrize("path", MANY)
def test_all_of_very_many_faults_are_recovered_from(play: Play, path: str) -> None:
    outcome = play(_only(path))
    assert cause(outcome) == (Verdict.PASS, "")
    recovery = outcome.verdict.recovery
    assert recovery is not None
    assert recovery["recovered"] == recovery["injected"] == MANY[path]
    assert recovery["p99_us"] <= 5_000_000


@pytest.mark.parametrize("path", ["failure/error-recovery-chain.toml", "chaos/compositor-crash.toml"])
def test_without_supervision_they_fail(play: Play, path: str) -> None:
    scenario = _only(path)
    steps = tuple(
        replace(step, send=tuple(text.replace("supervise on=1", "supervise on=0") for text in step.send))
        if step.do == "command" and isinstance(step.send, tuple)
        else step
        for step in scenario.steps
    )
    verdict, _ = cause(play(replace(scenario, steps=steps)))
    assert verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
