"""The zoo: known defects are caught and named right, clean images pass, and a zoo that is wrong says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.zoo import command
from harness.errors import UsageError
from harness.zoo import play
from harness.zoo.matrix import document, is_alarm, rows
from harness.zoo.model import Defect, load_zoo
from harness.zoo.play import Cell, Seen, clean_cells, defect_cells, detectors

ZOO = Path(__file__).parent


def _zoo(tmp_path: Path, text: str) -> Path:
    (tmp_path / "zoo.toml").write_text(f'version = 1\nimage = "reference-zoo"\nswitch = "lie=${{name}}"\n{text}')
    return tmp_path


def _seen(verdict: str, cause: str = "", defect: str = "d", detector: str = "one") -> Seen:
    return Seen(Cell(detector, Path("one.toml"), "reference-zoo", 1, "", defect), verdict, cause, "/nowhere", 0.1)


def _run(tmp_path: Path, *args: str) -> Result:
    return CliRunner().invoke(command, [*args, "--runs-dir", str(tmp_path / "runs")], standalone_mode=False)


def test_a_run_that_a_starved_host_says_nothing_of_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starved, caught = _seen("INCONCLUSIVE", "host-starved: so"), _seen("FAIL", "frame-mismatch: so")
    for made, last in (([starved, caught], caught), ([starved] * 3, starved), ([caught], caught)):
        left = list(made)
        monkeypatch.setattr(play, "_play", lambda cell, runs_dir: left.pop(0))  # noqa: B023
        assert play.play_cell(starved.cell, tmp_path) == last
        assert not left


DEFECT = Defect(name="d", kind="frames", summary="", cause="frame-mismatch")


def test_a_defect_whose_runs_the_host_starved_is_neither_caught_nor_missed() -> None:
    starved, caught = _seen("INCONCLUSIVE", "host-starved: so"), _seen("FAIL", "frame-mismatch: so")
    found = document(rows([DEFECT], [starved]), [], 0.0)
    assert (found["starved"], found["missed"], found["caught"]) == (["d"], [], 0)
    found = document(rows([DEFECT], [starved, caught]), [], 0.0)
    assert (found["starved"], found["missed"], found["caught"]) == ([], [], 1)
    found = document(rows([DEFECT], [_seen("INCONCLUSIVE", "line-loss: so")]), [], 0.0)
    assert (found["starved"], found["missed"]) == ([], ["d"])


def test_the_zoo_has_at_least_40_defects_and_ten_of_them_late() -> None:
    defects = load_zoo(ZOO).defects
    assert len(defects) >= 40
    assert sum(defect.late for defect in defects) >= 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[defect]]\nname = "A b"\nkind = "k"\nsummary = "s"\ncause = "c"\n', "zoo.toml:5: name: lower-case"),
        (
            '[[defect]]\nname = "a"\nkind = "k"\nsummary = "s"\ncause = "("\n',
            "zoo.toml:8: cause: no regular expression",
        ),
        ('[[defect]]\nname = "a"\nkind = "k"\nsummary = "s"\nreason = "c"\n', "unknown key 'reason'"),
    ],
)
def test_a_wrong_zoo_is_refused_with_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load_zoo(_zoo(tmp_path, text))
    assert said in error.value.what


def test_a_switch_without_a_place_for_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zoo.toml").write_text('version = 1\nimage = "reference-zoo"\nswitch = "lie=black"\n')
    with pytest.raises(UsageError, match=r"\$\{name\}"):
        load_zoo(tmp_path)


def test_a_folder_without_a_zoo_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no zoo"):
        load_zoo(tmp_path)


def test_a_detector_that_is_not_there_is_told(tmp_path: Path) -> None:
    folder = _zoo(tmp_path, '[[defect]]\nname = "a"\nkind = "k"\nsummary = "s"\ncause = "c"\nby = ["nobody"]\n')
    (folder / "detectors").mkdir()
    (folder / "detectors/one.toml").write_text('version = 1\nname = "one"\nstep = [{ do = "boot" }]\n')
    with pytest.raises(UsageError, match="nobody"):
        detectors(load_zoo(folder))


def test_a_detector_sees_nothing_of_a_defect() -> None:
    """No detector's text and no approved figure holds a defect's name as a word of its own command line."""
    zoo = load_zoo(ZOO)
    for path in detectors(zoo).values():
        assert "lie=" not in path.read_text()
    assert all(cell.switch == f"lie={cell.defect}" for cell in defect_cells(zoo, zoo.defects, every=False))


def test_clean_runs_take_all_detectors_both_builds_and_a_new_seed_each() -> None:
    zoo = load_zoo(ZOO)
    cells = list(clean_cells(zoo, 4 * len(detectors(zoo)), 7))
    assert len({cell.seed for cell in cells}) == len(cells)
    assert {(cell.detector, cell.image) for cell in cells} == {
        (name, image) for name in detectors(zoo) for image in zoo.file.clean
    }
    assert not any(cell.switch for cell in cells)


@pytest.mark.parametrize(
    ("seen", "caught", "right"),
    [
        ([_seen("PASS")], 0, 0),
        ([_seen("INCONCLUSIVE", "frame-mismatch: x")], 0, 0),
        ([_seen("FAIL", "frame-mismatch: x")], 1, 1),
        ([_seen("FAIL", "expectation: frame-mismatch")], 1, 0),
        ([_seen("FAIL", "expectation: x"), _seen("FAIL", "frame-mismatch: x", detector="two")], 1, 0),
        ([_seen("PASS"), _seen("FAIL", "frame-mismatch: x", detector="two")], 1, 1),
    ],
)
def test_caught_is_blame_of_the_product_and_right_is_the_first_cause(seen: list[Seen], caught: int, right: int) -> None:
    found = document(rows([DEFECT], seen), [], 0.0)
    assert (found["caught"], found["right_cause"]) == (caught, right)
    assert found["missed"] == ([] if caught else ["d"])


@pytest.mark.parametrize("verdict", ["FAIL", "HANG", "INCONCLUSIVE", "NOTHING_CHECKED"])
def test_a_clean_run_that_does_not_pass_is_a_false_alarm(verdict: str) -> None:
    assert document([], [_seen("PASS"), _seen(verdict)], 0.0)["false_alarms"] == 1
    assert is_alarm(_seen(verdict)) is (verdict in {"FAIL", "HANG"})


@pytest.mark.system
@pytest.mark.long
def test_defects_of_several_classes_are_caught_and_clean_runs_pass(tmp_path: Path) -> None:
    names = ["pixel", "key-lost", "marker-wrong-id", "crash-cascade", "torn-record", "constant-fps"]
    chosen = [word for name in names for word in ("--defect", name)]
    done = _run(tmp_path, str(ZOO), *chosen, "--clean", "8", "--json")
    found = json.loads(done.stdout)
    assert (found["caught"], found["right_cause"], found["missed"]) == (6, 6, [])
    assert (found["clean_runs"], found["false_alarms"], found["alarms"]) == (8, 0, [])
    assert done.return_value == 0
    assert not list((tmp_path / "runs").iterdir()), "runs that said what they should leave no evidence"


@pytest.mark.system
def test_a_defect_that_nobody_looks_for_is_missed_and_its_evidence_stays(tmp_path: Path) -> None:
    folder = _zoo(
        tmp_path, '[[defect]]\nname = "black"\nkind = "frames"\nsummary = "s"\ncause = "frame-"\nby = ["blind"]\n'
    )
    (folder / "detectors").mkdir()
    (folder / "detectors/blind.toml").write_text(
        'version = 1\nname = "blind"\nstep = [{ do = "boot" }, { do = "command", send = "frames n=1" }]\n'
    )
    done = _run(tmp_path, str(folder), "--clean", "0", "--json")
    assert json.loads(done.stdout)["missed"] == ["black"]
    assert done.return_value == 1
    assert len(list((tmp_path / "runs").iterdir())) == 1


@pytest.mark.system
def test_a_misspelt_defect_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'pixel'"):
        CliRunner().invoke(command, [str(ZOO), "--defect", "pixle"], standalone_mode=False, catch_exceptions=False)


@pytest.mark.system
@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_defect_is_caught_95_percent_with_the_right_cause_and_no_clean_run_alarms(tmp_path: Path) -> None:
    done = _run(tmp_path, str(ZOO), "--clean", "40", "--json")
    found = json.loads(done.stdout)
    assert found["missed"] == []
    assert len(found["starved"]) <= 2, "the host was too busy for the zoo"
    assert found["false_alarms"] == 0, found["alarms"]
    assert found["right_cause"] >= 0.95 * (found["defects"] - len(found["starved"])), found["wrong_cause"]
