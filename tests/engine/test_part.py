"""What a board cannot do of a scenario: refused by a run, left out and named by a twin."""

from __future__ import annotations

import json

import pytest

from harness.boards.model import Board
from harness.boards.target import SerialTarget
from harness.engine.needs import refuse_what_cannot_be_done
from harness.engine.part import part_for, without
from harness.errors import UsageError
from harness.judge.conclude import conclude
from harness.judge.verdict import Check, CheckStatus
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.fault_kinds import ClientKill, Pause, SerialLoss
from harness.scenario.faulting import Fault, When
from harness.scenario.model import Scenario
from harness.scenario.stored import from_json, to_json
from harness.targets.profile import Guest, Profile
from harness.verdicts import Verdict

BOARD = SerialTarget(Board(name="desk", url="socket://lab:1"), Profile(name="p", guest=Guest(control="inline")))


def much() -> Scenario:
    faults = [
        Fault(name="noise", when=When(marker="RAYOS_X"), do=SerialLoss(bytes=1)),
        Fault(name="kill", when=When(rendezvous=1), do=ClientKill(id=1)),
        Fault(name="traced", when=When(symbol="main"), do=ClientKill(id=1)),
        Fault(name="pause", when=When(marker="RAYOS_X"), do=Pause(host_s=1)),
    ]
    scenario = ScenarioBuilder("much", image="reference").prove().boot().command("query").type("hello").shutdown()
    return scenario.faults(*faults).build()


def test_what_a_board_cannot_do_is_left_out_by_name() -> None:
    part, skipped = part_for(much(), BOARD.capabilities, BOARD.name)
    assert [step.do for index, step in enumerate(part.steps) if index not in part.left_out] == ["boot", "command"]
    assert part.faults is not None
    assert [fault.name for fault in part.faults.fault] == ["noise", "kill"]
    assert part.proof is None
    assert [str(one) for one in skipped] == [
        "step 3, type 'hello': needs input, qmp",
        "step 4, shutdown: needs qmp",
        "the fault traced: needs qmp",
        "the fault pause: needs qmp",
        "the proof of every frame: needs proof",
    ]
    refuse_what_cannot_be_done(part, BOARD)
    assert from_json(json.loads(json.dumps(to_json(part)))).left_out == part.left_out


def test_what_looks_at_what_a_step_does_is_left_out_with_it() -> None:
    scenario = ScenarioBuilder("typed", image="reference").boot().type("hello")
    scenario = scenario.expect("RAYOS_INPUT:KEY").expect("RAYOS_SOAK:START", since="boot")
    scenario = scenario.command("query").expect("RAYOS_SOAK:COMPLETE")
    part, skipped = part_for(scenario.build(), BOARD.capabilities, BOARD.name)
    assert part.left_out == (1, 2)
    assert str(skipped[1]) == "step 3, expect RAYOS_INPUT:KEY: looks at what step 2 does, which is left out"


def test_only_what_a_scenario_can_do_without_is_left_out_of_a_run() -> None:
    scenario = ScenarioBuilder("some", image="reference").optional("screen").boot().type("x").check_frame("y").build()
    part, skipped = without(scenario, BOARD)
    assert part.left_out == (2,)
    assert [str(one) for one in skipped] == ["step 3, check-frame y against scene: needs screen"]
    with pytest.raises(UsageError, match=r"step 2, type 'x', needs input, qmp$"):
        refuse_what_cannot_be_done(part, BOARD)


def test_a_run_of_which_nothing_is_left_has_checked_nothing() -> None:
    skipped = Check(1, "frame", "check-frame x", CheckStatus.SKIPPED)
    met = Check(0, "ready", "boot", CheckStatus.MET)
    assert conclude([], [skipped], ended=True, seq=1)[0] is Verdict.NOTHING_CHECKED
    assert conclude([], [met, skipped], ended=True, seq=1)[0] is Verdict.PASS


def test_a_run_refuses_all_of_it_at_once() -> None:
    scenario = ScenarioBuilder("much", image="reference").boot().type("hello")
    scenario = scenario.faults(Fault(name="pause", when=When(marker="RAYOS_X"), do=Pause(host_s=1)))
    with pytest.raises(UsageError) as caught:
        refuse_what_cannot_be_done(scenario.build(), BOARD)
    assert "step 2, type 'hello', needs input, qmp; the fault pause (pause) needs qmp" in caught.value.what


def test_a_part_that_is_nothing_but_a_boot_is_no_twin() -> None:
    scenario = ScenarioBuilder("screen", image="reference").boot().check_frame("x").build()
    with pytest.raises(UsageError, match="desk can do nothing of screen but boot it: step 2, check-frame x"):
        part_for(scenario, BOARD.capabilities, BOARD.name)
