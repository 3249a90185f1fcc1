"""The hardware map: boards by what they offer, who has them, and refusals that say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.boards.lock import PortLock
from harness.boards.map import choose, mapped, on_board
from harness.boards.model import read_board
from harness.engine.options import BatchOptions
from harness.errors import LabError, UsageError
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.loader import load_scenarios


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    boards = tmp_path / "boards"
    boards.mkdir()
    monkeypatch.setenv("HARNESS_BOARDS", str(boards))
    (boards / "a.toml").write_text('name = "alpha"\nurl = "socket://lab:1"\noffers = ["arm64"]\n')
    (boards / "b.toml").write_text(
        'name = "beta"\nurl = "socket://lab:2"\noffers = ["arm64", "hdmi"]\n'
        '[power]\non = ["true"]\noff = ["true"]\n[capture]\ncommand = ["grab", "{file}"]\n'
    )
    (boards / "c.toml").write_text('name = "gamma"\nurl = "/dev/nowhere"\noffers = ["riscv"]\n')
    return boards


def test_boards_are_listed_with_what_they_offer_and_their_state(folder: Path) -> None:
    held = PortLock.take("socket://lab:2", "harness run x")
    boards = {one.board.name: one for one in mapped(folder)}
    held.release()
    assert {name: one.state for name, one in boards.items()} == {"alpha": "free", "beta": "in use", "gamma": "missing"}
    assert boards["beta"].board.words == {"arm64", "hdmi", "power", "screen"}
    assert "harness run x" in str(boards["beta"].holder)


def test_a_free_board_that_offers_all_is_chosen(folder: Path) -> None:
    assert choose(["arm64"], folder).name == "a.toml"
    assert choose(["arm64", "screen"], folder).name == "b.toml"
    held = PortLock.take("socket://lab:1", "me")
    assert choose(["arm64"], folder).name == "b.toml"
    held.release()


def test_where_none_fits_each_is_named_with_what_it_lacks(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"alpha lacks hdmi, riscv; beta lacks riscv; gamma lacks hdmi"):
        choose(["riscv", "hdmi"], folder)


def test_where_all_that_fit_are_taken_or_unplugged_it_is_the_labs_fault(folder: Path) -> None:
    held = PortLock.take("socket://lab:2", "me")
    with pytest.raises(LabError, match=r"no board that offers hdmi is free: beta is in use by process"):
        choose(["hdmi"], folder)
    held.release()
    with pytest.raises(LabError, match=r"gamma is not there \(no /dev/nowhere\)"):
        choose(["riscv"], folder)


def test_a_scenario_says_itself_what_it_needs(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('version = 1\nname = "s"\nimage = "reference"\nneeds = ["hdmi"]\n[[step]]\ndo = "boot"\n')
    scenarios = load_scenarios(file)
    options = BatchOptions(runs_dir=tmp_path)
    assert on_board(scenarios, options, ()).target == folder / "b.toml"
    with pytest.raises(UsageError, match="the board alpha does not offer hdmi"):
        on_board(scenarios, BatchOptions(runs_dir=tmp_path, target=folder / "a.toml"), ())
    with pytest.raises(UsageError, match="--board-with chooses one"):
        on_board(scenarios, BatchOptions(runs_dir=tmp_path, target=folder / "a.toml"), ("hdmi",))
    plain = [ScenarioBuilder("plain", image="reference").boot().build()]
    assert on_board(plain, options, ()) is options
    with pytest.raises(UsageError, match="s needs a board, and plain does not say that it does"):
        on_board([*plain, *scenarios], options, ())
    assert on_board([*plain, *scenarios], options, ("hdmi",)).target == folder / "b.toml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[power]\ndead = 2.0", "power that cannot be switched cannot be cycled"),
        ('[deploy]\ncommands = [["cp", "{kernal}", "/x"]]', "{kernal} means nothing here; known are image, kernel"),
        ('[deploy]\ncommands = [["awk", "{print}"]]', "{print} means nothing here"),
        ('[capture]\ncommand = ["grab"]', "one word must have {file}"),
        ('[[loader]]\nexpect = "=> .*"\nsend = "x"', "no longest match"),
    ],
)
def test_what_a_board_file_gets_wrong_is_said_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f'name = "x"\nurl = "socket://x:1"\n{text}\n')
    with pytest.raises(UsageError) as caught:
        read_board(file)
    assert problem in caught.value.what
    assert f"{file}:" in caught.value.what


def test_two_boards_of_one_name_are_refused(folder: Path) -> None:
    (folder / "d.toml").write_text('name = "alpha"\nurl = "socket://lab:9"\n')
    with pytest.raises(UsageError, match="two boards are called alpha"):
        mapped(folder)
