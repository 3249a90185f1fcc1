"""`harness triage LOG`, and what a report shows of hostile text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.triage import command
from harness.errors import UsageError
from harness.triage.run import triage_log

ELF = Path(__file__).parents[2] / "images/reference/build/reference.elf"


def test_a_log_is_triaged_without_a_run(tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    log.write_text("boot\nWARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2\n---[ end trace 0 ]---\nPANIC: no memory\n")
    done = CliRunner().invoke(command, [str(log), "--json"], standalone_mode=False)
    crashes = json.loads(done.stdout)["crashes"]
    assert done.return_value == 0
    assert [(one["kind"], one["title"]) for one in crashes] == [
        ("panic", "panic: no memory"),
        ("warning", "WARNING in f"),
    ]
    assert crashes[1]["where"] | {"address": None} == {
        **crashes[1]["where"],
        "function": "f",
        "file": "a/b.c",
        "line": 1,
    }
    assert "panic: no memory  (panic)" in done.stderr


def test_a_log_in_which_nothing_happened_has_a_code_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "serial.log"
    log.write_text("all is well\n")
    done = CliRunner().invoke(command, [str(log), "--json"], standalone_mode=False)
    assert (done.return_value, json.loads(done.stdout)) == (4, {"exit_code": 4, "crashes": []})


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no"):
        CliRunner().invoke(command, [str(tmp_path / "nowhere")], standalone_mode=False, catch_exceptions=False)
    log = tmp_path / "serial.log"
    log.write_text("PANIC: x\n")
    with pytest.raises(UsageError, match="no ELF file"):
        triage_log(log, symbols=log)


@pytest.mark.skipif(not ELF.exists(), reason="the reference guest is not built")
@pytest.mark.parametrize("slide", [0, 0x1A000000])
def test_addresses_in_a_log_are_looked_up_in_the_symbols(tmp_path: Path, slide: int) -> None:
    from harness.targets.symbols import Symbols

    symbols = Symbols.of(ELF)
    at, caller = (symbols.address(name) + slide for name in ("crash_ud", "crash_now+5"))
    log = tmp_path / "serial.log"
    log.write_text(
        f"=== INVALID OPCODE EXCEPTION ===\nRIP={at:#018x} ERR=0x0 CR2=0x0\n  #0 {caller:#018x}\nStatus: halting\n"
    )
    (found,) = triage_log(log, symbols=ELF, slide=slide)
    assert found.where is not None
    assert (found.where.function, found.where.file) == ("crash_ud", "kernel/crash.c")
    assert [(one.function, one.file) for one in found.frames] == [("crash_now", "kernel/crash.c")]
    assert found.full_title == "INVALID OPCODE exception in crash_ud"
