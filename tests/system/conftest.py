"""Plays scenarios on real machines; every run is judged again from its bundle, and both judgements have to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.campaign.batch import plan, run_planned
from harness.engine.options import BatchOptions
from harness.engine.run import RunOutcome
from harness.judge.rejudge import rejudge
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Scenario

from .live_harness import Harnesses
from .machines import Start, started

Play = Callable[..., RunOutcome]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """`play(scenario, **batch options)`: one run, judged live and again."""

    def run(scenario: Scenario | ScenarioBuilder, **options: object) -> RunOutcome:
        built = scenario.build() if isinstance(scenario, ScenarioBuilder) else scenario
        batch = BatchOptions(runs_dir=tmp_path / "runs", **options)  # type: ignore[arg-type]
        result = run_planned(plan([built], batch), batch)
        outcome = result.runs[0][1]
        assert outcome is not None
        again = rejudge(outcome.bundle, outcome.scenario)
        assert again.to_json() == outcome.verdict.to_json(), "the bundle judged again says something else"
        return outcome

    return run


@pytest.fixture
def harnesses(tmp_path: Path) -> Iterator[Harnesses]:
    """Starts the command line as processes of their own."""
    started = Harnesses(tmp_path)
    try:
        yield started
    finally:
        started.close()


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """`async with start(profile or assembly, …launch options)`: a paused machine, ended and looked for traces after."""
    return lambda what, **launch: started(tmp_path, what, **launch)
