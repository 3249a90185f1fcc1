"""The same scenario on QEMU and on a board: only what is particular to the board remains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.twin import command

from .relay import Cable, board_file, loses_behind, reference

pytestmark = pytest.mark.system
ZOO = Path(__file__).parents[2] / "images/reference/build/reference-zoo.elf"
SCENARIO = """
version = 1
name = "twin"
image = "reference"
set = { "guest.control" = "inline", "boot.cmdline" = "control=inline seal=1" }
step = [
  { do = "boot" },
  { do = "command", send = ["scenario name=twin", "create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "destroy id=1"] },
  { do = "check-frame", name = "gone" },
  { do = "command", send = ["milestone name=done", "complete"] },
  { do = "expect", since = "boot", all = ["RAYOS_INTEGRATION:SCENARIO_COMPLETE:twin"] },
  { do = "shutdown" },
]
"""


def twin(folder: Path, board: Path) -> tuple[int, dict[str, Any]]:
    (folder / "twin.toml").write_text(SCENARIO)
    argv = [str(folder / "twin.toml"), "--target", str(board), "--runs-dir", str(folder / "runs"), "--json"]
    done = CliRunner().invoke(command, argv, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, json.loads(done.stdout)


def test_a_board_like_qemu_is_the_same_and_what_it_cannot_do_is_skipped_by_name(tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        code, found = twin(tmp_path, board_file(tmp_path, cable.link, reference(cable, "control=inline free=1 seal=1")))
    assert (code, found["same"]) == (0, True), found["differences"]
    assert found["skipped"] == [
        "step 3, check-frame gone against scene: needs screen",
        "step 6, shutdown: needs qmp",
    ]
    assert (found["qemu"]["verdict"], found["board"]["verdict"]) == ("PASS", "PASS")


@pytest.mark.long
def test_what_only_the_board_does_is_what_remains(tmp_path: Path) -> None:
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline free=1 seal=1", kernel=ZOO)
        code, found = twin(tmp_path, board_file(tmp_path, cable.link, machine))
    assert (code, found["by_the_line"]) == (1, False)
    assert [(one["kind"], one["signature"]) for one in found["differences"]] == [
        ("changed", "changed KIT:BOOT build release -> zoo")
    ]


@pytest.mark.long
def test_what_the_line_lost_is_not_the_boards(tmp_path: Path) -> None:
    with Cable(tmp_path, ours=loses_behind(b"RAYOS_INTEGRATION:MILESTONE")) as cable:
        machine = reference(cable, "control=inline free=1 seal=1")
        code, found = twin(tmp_path, board_file(tmp_path, cable.link, machine))
    assert (code, found["by_the_line"]) == (3, True)
    assert [one["what"].split(";")[0] for one in found["differences"]] == ["RAYOS_INTEGRATION:MILESTONE:done"]
