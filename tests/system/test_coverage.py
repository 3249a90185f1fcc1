"""What a scenario used of the reference guest is covered, what it did not is not, and the guest notices nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.coverage.lcov import read_lcov
from harness.coverage.model import FileCoverage
from harness.engine.run import RunOutcome
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play

pytestmark = [pytest.mark.system, pytest.mark.long]
REFERENCE = Path(__file__).parents[2] / "images/reference"
COMMANDS = "control/desktop_commands.c"


def files(outcome: RunOutcome) -> dict[str, FileCoverage]:
    assert outcome.verdict.verdict is Verdict.PASS
    found = read_lcov(outcome.bundle.path / "coverage.info").files
    return {str(Path(path).relative_to(REFERENCE)): file for path, file in found.items()}


def line_of(file: str, text: str) -> int:
    """The number of the one line with *text*."""
    (number,) = [n for n, line in enumerate((REFERENCE / file).read_text().splitlines(), 1) if text in line]
    return number


def test_a_commands_handler_is_covered_only_where_the_scenario_used_it(play: Play) -> None:
    used = ScenarioBuilder("used", image="reference").boot().command("create id=1 x=40 y=40 w=200 h=100 color=3a6ea5")
    unused = ScenarioBuilder("unused", image="reference").boot().command("query")
    plain = play(used.check_frame("one"))
    with_it = play(used, coverage=True)
    without = play(unused.check_frame("none"), coverage=True)
    one, other = files(with_it), files(without)

    assert plain.verdict.fingerprint == with_it.verdict.fingerprint is not None
    assert plain.bundle.serial.read_bytes() == with_it.bundle.serial.read_bytes()
    assert not (plain.bundle.path / "coverage.info").exists()

    assert one[COMMANDS].functions["create"].hits == 1
    assert other[COMMANDS].functions["create"].hits == 0
    for found in (one, other):
        assert found[COMMANDS].functions["destroy"].hits == 0
        assert found["kernel/crash.c"].functions["crash_pf"].hits == 0
        assert found["kernel/main.c"].functions["kernel_main"].hits == 1
    begins = line_of(COMMANDS, "static void create(") + 1
    ends = next(n for n in range(begins, begins + 60) if (REFERENCE / COMMANDS).read_text().splitlines()[n - 1] == "}")
    body = [line for line in one[COMMANDS].lines if begins < line < ends]
    assert body
    assert any(one[COMMANDS].lines[line] for line in body)
    assert not any(other[COMMANDS].lines[line] for line in body)
    assert one[COMMANDS].lines.keys() == other[COMMANDS].lines.keys()


def test_a_triple_fault_is_still_told_from_a_reset(play: Play) -> None:
    crash = (
        ScenarioBuilder("triple", image="reference")
        .boot()
        .command("crash kind=triple", timeout=1.0)
        .expect("RAYOS_NEVER:COMES", timeout=1.0)
    )
    outcome = play(crash, coverage=True)
    assert outcome.verdict.first_cause is not None
    assert outcome.verdict.first_cause.cause == "triple-fault"
    found = read_lcov(outcome.bundle.path / "coverage.info").files
    assert found[str(REFERENCE / "kernel/crash.c")].functions["crash_triple"].hits == 1
