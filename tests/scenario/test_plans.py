"""Plans of faults: in scenario files, in files of their own, and what is wrong with them told by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.scenario.fault_kinds import ClientCrash, ClientKill
from harness.scenario.faulting import Fault, Plan, Recovery, Until, When
from harness.scenario.loader import load_scenarios
from harness.scenario.plans import load_plan, plan_from_json
from harness.scenario.stored import from_json, to_json

_HEAD = 'version = 1\nname = "s"\nimage = "reference"\n'
_STEP = '[[step]]\ndo = "boot"\n'
_FAULT = '[[fault]]\nname = "{name}"\nwhen = {when}\ndo = {do}\n'
_KILL = '{ kind = "client-kill", id = 1 }'


def _fault(name: str = "f", when: str = "{ rendezvous = 2 }", do: str = _KILL, more: str = "") -> str:
    return _FAULT.format(name=name, when=when, do=do) + more


def _scenario(tmp_path: Path, text: str, head: str = "") -> Path:
    path = tmp_path / "s.toml"
    path.write_text(_HEAD + head + text + _STEP)
    return path


def _refused(path: Path) -> str:
    with pytest.raises(UsageError) as error:
        load_scenarios(path)
    return error.value.what


def test_a_scenario_holds_the_faults_that_stand_in_it(tmp_path: Path) -> None:
    text = _fault(
        when="{ guest_s = [0.5, 2.0], times = 3, every = 1.5 }", more="until = { frames = 4 }\nrecover = {}\n"
    )
    (scenario,) = load_scenarios(_scenario(tmp_path, text))
    assert scenario.faults == Plan(
        fault=(
            Fault(
                name="f",
                when=When(guest_s=(0.5, 2.0), times=3, every=1.5),
                do=ClientKill(id=1),
                until=Until(frames=4),
                recover=Recovery(),
            ),
        )
    )


def test_a_plan_of_its_own_is_the_same_in_toml_and_json(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("version = 1\nseed = 4\n" + _fault())
    fault = {"name": "f", "when": {"rendezvous": 2}, "do": {"kind": "client-kill", "id": 1}}
    (tmp_path / "p.json").write_text(json.dumps({"version": 1, "seed": 4, "fault": [fault]}))
    assert load_plan(tmp_path / "p.toml") == load_plan(tmp_path / "p.json")
    (scenario,) = load_scenarios(_scenario(tmp_path, "", 'faults = "p.json"\n'))
    assert scenario.faults == load_plan(tmp_path / "p.toml")


def test_a_plan_survives_the_bundle(tmp_path: Path) -> None:
    text = _fault(do='{ kind = "client-crash", random = 2, how = "exit" }', more="recover = { markers = [] }\n")
    (scenario,) = load_scenarios(_scenario(tmp_path, text))
    again = from_json(json.loads(json.dumps(to_json(scenario))))
    assert again.faults == scenario.faults
    assert again.faults is not None
    assert isinstance(again.faults.fault[0].do, ClientCrash)


def test_plan_from_json_takes_what_asdict_gives() -> None:
    from dataclasses import asdict

    plan = Plan(seed=3, fault=(Fault(name="a", when=When(marker="RAYOS_X", nth=(1, 2)), do=ClientKill(random=1)),))
    assert plan_from_json(json.loads(json.dumps(asdict(plan)))) == plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (_fault(when="{ rendezvous = 2, frame = 3 }"), "s.toml:6: when: give exactly one of marker, symbol"),
        (_fault(when="{ }"), "s.toml:6: when: give exactly one of"),
        (_fault(when="{ frame = [9, 3] }"), "[9, 3] is no window"),
        (_fault(when='{ symbol = "present" }'), "client-kill cannot happen at a symbol"),
        (_fault(when='{ block = "write" }'), "client-kill cannot happen at a block"),
        (_fault(when="{ guest_s = 1.0, times = 4 }"), "say how far apart"),
        (_fault(when='{ marker = "re:(" }'), "s.toml:6:"),
        (_fault(do='{ kind = "client-kill" }'), "give either id = CLIENT or random = HOW_MANY"),
        (_fault(do='{ kind = "client-kill", id = 1, random = 2 }'), "give either id = CLIENT or random = HOW_MANY"),
        (_fault(do='{ kind = "client-kil", id = 1 }'), "(did you mean 'client-kill'?)"),
        (_fault(do='{ kind = "client-kill", idd = 1 }'), "unknown key 'idd'"),
        (_fault() + _fault(), "two faults are called 'f'"),
        (_fault(more="until = { frames = 3, guest_s = 1.0 }\n"), "until: give one of"),
        (_fault(more="recover = { within = 0.0 }\n"), "within: should be more than 0 seconds"),
    ],
)
def test_what_is_wrong_with_a_fault_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert told in _refused(_scenario(tmp_path, text))


def test_a_file_and_tables_exclude_each_other(tmp_path: Path) -> None:
    assert "not both" in _refused(_scenario(tmp_path, _fault(), 'faults = "p.toml"\n'))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("p.toml", _fault(), "the key 'version' is missing"),
        ("p.toml", "version = 1\n", "no faults"),
        ("p.json", "[]", "should be an object"),
        ("p.json", "{", "not JSON"),
    ],
)
def test_a_plan_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=told):
        load_plan(tmp_path / name)
