"""Scenario files: what is right is loaded, what is wrong is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from harness.errors import UsageError
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.files import collect
from harness.scenario.loader import json_schema, load_scenarios
from harness.scenario.model import Scenario
from harness.scenario.steps import Boot, Command, Count, Expect, Type
from harness.scenario.stored import from_json, to_json

ROOT = Path(__file__).parents[2]
HEAD = 'version = 1\nname = "x"\nimage = "reference"\n'
BOOT = '[[step]]\ndo = "boot"\n'


def _load(tmp_path: Path, text: str) -> list[Scenario]:
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenarios(path)


def _refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, text)
    return caught.value.what


def test_a_word_of_the_file_can_be_given_another_value_and_one_that_it_has_not_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text(
        'version = 1\nname = "x"\nimage = "reference"\nwords = { seconds = 300 }\n'
        'step = [{ do = "boot" }, { do = "command", send = "soak seconds=${seconds}", timeout = "${seconds}" }]\n'
    )

    def soak(**words: int) -> object:
        return load_scenarios(file, words=words)[0].steps[1]

    assert soak() == Command(send="soak seconds=300", timeout=300)
    assert soak(seconds=5) == Command(send="soak seconds=5", timeout=5)
    with pytest.raises(UsageError, match="no word 'second'"):
        soak(second=5)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "timout = 3\n" + BOOT, 4, "did you mean 'timeout'"),
        (HEAD + BOOT + '[[step]]\ndo = "expct"\nall = ["a"]\n', 7, "did you mean 'expect'"),
        (HEAD + BOOT + '[[step]]\ndo = "expect"\nal = ["a"]\n', 8, "unknown key 'al'"),
        (HEAD + BOOT + '[[step]]\ndo = "frames"\nticks = "3"\n', 8, "ticks"),
        (HEAD + BOOT + '[[step]]\nall = ["a"]\n', 6, "'do' is missing"),
        (HEAD + BOOT + '[[step]]\ndo = "expect"\nall = ["re:("]\n', 8, "not a regular expression"),
        (HEAD + BOOT + '[[step]]\ndo = "expect"\n', 6, "nothing to expect"),
        (HEAD + BOOT + '[[step]]\ndo = "expect"\nnone = ["x"]\n', 6, "during"),
        (HEAD + BOOT + '[[step]]\ndo = "pointer"\nx = 1\ny = 2\naction = "drag"\n', 6, "to_x"),
        (HEAD + '[[step]]\ndo = "frames"\n', 4, "first step"),
        (HEAD + BOOT + BOOT, 6, "first step"),
        (HEAD, 1, "no steps"),
        (HEAD + "timeout = -1.0\n" + BOOT, 4, "more than 0"),
        ('name = "x"\n' + BOOT, 1, "'version' is missing"),
        (HEAD + BOOT + '[[step]]\ndo = "type"\ntext = "${nobody}"\n', 8, "nobody"),
        (HEAD + BOOT + '[[step]]\ndo = "repeat"\ntims = 3\n', 8, "unknown key 'tims'"),
        (HEAD + BOOT + '[[step]]\ndo = "repeat"\ntimes = 0\n', 6, "times"),
        (HEAD + "[matrix]\nimage = []\n" + BOOT, 5, "non-empty"),
        (HEAD + "this is not toml\n", 4, ""),
    ],
)
def test_a_wrong_file_is_told_with_file_line_and_reason(tmp_path: Path, text: str, line: int, words: str) -> None:
    what = _refused(tmp_path, text)
    assert f"s.toml:{line}: " in what
    assert words in what


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    what = _refused(tmp_path, HEAD + "a = 1\nb = 2\n" + BOOT)
    assert len(what.splitlines()) == 2


def test_two_frame_checks_may_not_share_a_name(tmp_path: Path) -> None:
    check = '[[step]]\ndo = "check-frame"\nname = "same"\n'
    assert "same" in _refused(tmp_path, HEAD + BOOT + check + check)


def test_a_matrix_makes_the_product(tmp_path: Path) -> None:
    text = HEAD + '[matrix]\nimage = ["a", "b"]\n"machine.memory_mb" = [64, 128]\nword = ["hi"]\n' + BOOT
    scenarios = _load(tmp_path, text + '[[step]]\ndo = "type"\ntext = "say ${word}"\n')
    assert [(s.image, dict(s.set)) for s in scenarios] == [
        (image, {"machine.memory_mb": memory}) for image in ("a", "b") for memory in (64, 128)
    ]
    assert {s.steps[1] for s in scenarios} == {Type(text="say hi")}
    assert len({s.name for s in scenarios}) == 4


def test_a_repeat_is_unrolled_with_its_words(tmp_path: Path) -> None:
    text = (
        HEAD
        + BOOT
        + (
            '[[step]]\ndo = "repeat"\nover = {prompt = ["a", "b"]}\n'
            '[[step.step]]\ndo = "type"\ntext = "${prompt}${n}"\n'
            '[[step.step]]\ndo = "expect"\nall = ["${prompt}"]\n'
        )
    )
    (scenario,) = _load(tmp_path, text)
    assert scenario.steps == (Boot(), Type(text="a1"), Expect(all=("a",)), Type(text="b2"), Expect(all=("b",)))


def test_a_placeholder_is_text_in_a_text_field_and_a_number_in_a_number_field(tmp_path: Path) -> None:
    text = (
        HEAD.replace('"x"', '"${label}"')
        + 'seed = "${label}"\n[matrix]\nlabel = [7]\n'
        + BOOT
        + '[[step]]\ndo = "repeat"\n'
        'times = 1\nstep = [{ do = "check-frame", name = "${n}", tolerance = "${n}" }, '
        '{ do = "key", keys = ["${n}"] }, '
        '{ do = "command", send = "${n}", timeout = "${label}" }, '
        '{ do = "expect", all = ["${n}"], count = [{ pattern = "${n}", exactly = "${n}" }] }]\n'
    )
    (scenario,) = _load(tmp_path, text)
    _, frame, key, command, expect = scenario.steps
    assert (scenario.name, scenario.seed) == ("7[label=7]", 7)
    assert (frame.name, frame.tolerance) == ("1", 1)
    assert key.keys == ("1",)
    assert (command.send, command.timeout) == ("1", 7)
    assert (expect.all, expect.count[0].pattern, expect.count[0].exactly) == (("1",), "1", 1)


def test_a_word_that_is_no_number_is_refused_where_one_is_wanted(tmp_path: Path) -> None:
    text = HEAD + BOOT + '[[step]]\ndo = "repeat"\nover = {a = ["1x"]}\nstep = [{ do = "frames", ticks = "${a}" }]\n'
    with pytest.raises(UsageError, match="ticks"):
        _load(tmp_path, text)


def test_a_number_written_as_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ticks"):
        _load(tmp_path, HEAD + BOOT + '[[step]]\ndo = "frames"\nticks = "1"\n')


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("smok/first-light.toml", "smoke/first-light.toml"),
        ("smoke/first-ligth.toml", "smoke/first-light.toml"),
        ("smoke/first-light", "smoke/first-light.toml"),
        ("smokes", "smoke"),
        ("{here}/mine.tml", "{here}/mine.toml"),
        ("mien.toml", "mine.toml"),
    ],
)
def test_a_misspelt_scenario_file_is_told_with_the_nearest_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, meant: str
) -> None:
    (tmp_path / "mine.toml").write_text(HEAD + BOOT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there is no scenario") as caught:
        collect([Path(given.format(here=tmp_path))])
    assert f"(did you mean '{meant.format(here=tmp_path)}'?)" in caught.value.what


def test_a_scenario_file_like_no_other_is_told_without_a_guess(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no scenario") as caught:
        collect([tmp_path / "qqqqq"])
    assert "did you mean" not in caught.value.what


def test_a_problem_inside_a_repeat_is_told_at_its_own_line(tmp_path: Path) -> None:
    text = HEAD + BOOT + '[[step]]\ndo = "repeat"\ntimes = 2\n[[step.step]]\ndo = "type"\ntxt = "x"\n'
    assert "s.toml:11: " in _refused(tmp_path, text)


def test_the_builder_makes_the_same_model_as_the_file(tmp_path: Path) -> None:
    text = (
        HEAD
        + 'forbid = ["oops"]\nrules.families = ["SOAK"]\nset = {"machine.memory_mb" = 128}\n'
        + (
            '[[respond]]\nwhen = "key?"\nkeys = ["spc"]\n'
            '[[step]]\ndo = "boot"\nuntil = "ready"\ntimeout = 5.0\n'
            '[[step]]\ndo = "command"\nsend = "create id=1"\n'
            '[[step]]\ndo = "command"\nsend = ["a", "b"]\nrefused = "id"\n'
            '[[step]]\ndo = "frames"\nticks = 3\n'
            '[[step]]\ndo = "send"\ntext = "root"\n'
            '[[step]]\ndo = "type"\ntext = "hi"\n'
            '[[step]]\ndo = "key"\nkeys = ["ret", "ctrl-c"]\n'
            '[[step]]\ndo = "pointer"\nx = 1\ny = 2\naction = "drag"\nto_x = 3\nto_y = 4\n'
            '[[step]]\ndo = "expect"\nall = ["a"]\nany = ["b"]\norder = ["c"]\nnone = ["d"]\n'
            'count = [{pattern = "e", at_least = 2}]\nsince = "boot"\nwithin = 1.0\ntimeout = 9.0\n'
            '[[step]]\ndo = "dialogue"\nexchange = [{expect = "login:", send = "root"}, {expect = "#"}]\n'
            '[[step]]\ndo = "check-frame"\nname = "f"\nagainst = "golden"\ntolerance = 1\n'
            '[[step]]\ndo = "find-click"\npicture = "p.png"\n'
            '[[step]]\ndo = "stop"\n[[step]]\ndo = "cont"\n'
            '[[step]]\ndo = "reset"\nuntil = "ready"\n[[step]]\ndo = "relaunch"\n'
            '[[step]]\ndo = "shutdown"\nhow = "acpi"\n[[step]]\ndo = "expect-exit"\ncode = 16\n'
        )
    )
    (loaded,) = _load(tmp_path, text)
    built = (
        ScenarioBuilder("x", image="reference")
        .forbid("oops")
        .rules("SOAK")
        .set(machine__memory_mb=128)
        .respond("key?", keys=["spc"])
        .boot("ready", timeout=5.0)
        .command("create id=1")
        .command("a", "b", refused="id")
        .frames(3)
        .send("root")
        .type("hi")
        .key("ret", "ctrl-c")
        .pointer(1, 2, "drag", to=(3, 4))
        .expect(
            "a",
            any=["b"],
            order=["c"],
            none=["d"],
            count=[Count(pattern="e", at_least=2)],
            since="boot",
            within=1.0,
            timeout=9.0,
        )
        .dialogue(("login:", "root"), ("#", None))
        .check_frame("f", "golden", tolerance=1)
        .find_click(Path("p.png"))
        .stop()
        .cont()
        .reset("ready")
        .relaunch()
        .shutdown("acpi")
        .expect_exit(code=16)
        .build()
    )
    import dataclasses

    assert dataclasses.replace(loaded, folder=built.folder, file=None) == built


def test_a_stored_scenario_comes_back_equal() -> None:
    for scenario in collect([ROOT / "scenarios"]):
        if not scenario.several:  # they are stored otherwise: tests/fleet/test_loader.py
            assert from_json(json.loads(json.dumps(to_json(scenario)))) == scenario


def test_the_shipped_scenarios_fit_the_schema_and_wrong_ones_do_not() -> None:
    import tomllib

    schema: dict[str, Any] = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    against = jsonschema.Draft202012Validator(schema)
    for file in (ROOT / "scenarios").rglob("*.toml"):
        if "goldens" not in file.parts:
            against.validate(tomllib.loads(file.read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        against.validate({"version": 1, "name": "x", "step": [{"do": "boot", "nope": 1}]})
    pair = {"version": 1, "name": "x", "node": [{"name": "a"}, {"name": "b"}]}
    against.validate({**pair, "step": [{"do": "boot", "on": "a"}]})
    with pytest.raises(jsonschema.ValidationError):
        against.validate({**pair, "step": [{"do": "boot", "nope": 1}]})


def test_a_single_command_and_a_list_are_both_taken(tmp_path: Path) -> None:
    (scenario,) = _load(tmp_path, HEAD + BOOT + '[[step]]\ndo = "command"\nsend = "query"\n')
    assert scenario.steps[1] == Command(send="query")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml"):
        collect([tmp_path / "nowhere.toml"])
