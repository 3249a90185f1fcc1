"""What a person sees on a terminal, on a pseudo-terminal; and that none of it is in a pipe."""

from __future__ import annotations

import re
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from .conftest import ROOT, Call

pytestmark = pytest.mark.system
LIMIT = 60.0


@contextmanager
def terminal(environment: Mapping[str, str], folder: Path, *arguments: str | Path) -> Iterator[pexpect.spawn]:
    words = ["-P", "-m", "harness.cli.main", *map(str, arguments)]
    with pexpect.spawn(
        sys.executable,
        words,
        cwd=str(folder),
        env=dict(environment),
        encoding="utf-8",
        timeout=LIMIT,
        dimensions=(40, 160),
    ) as child:
        yield child


def shown(child: pexpect.spawn) -> str:
    """Everything until the end."""
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def test_progress_names_step_marker_frames_and_time_and_goes_away(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    with terminal(environment, tmp_path, "run", ROOT / "scenarios/smoke/first-light.toml") as child:
        text = shown(child)
    assert re.search(r"step \d+/18", text)
    assert "RAYOS_" in text
    assert re.search(r"[\d.]+ s host", text)
    assert "guest" in text
    last = text.rindex("step ")
    assert "\x1b[2K" in text[last:], "the live lines are erased before the verdict"
    assert re.search(r"\x1b\[32m.{0,8}PASS", text), "a verdict of a pass is green"
    assert child.exitstatus == 0


def test_a_batch_shows_each_verdict_and_ends_every_display(
    environment: Mapping[str, str], tmp_path: Path, write_scenario: Callable[..., Path]
) -> None:
    files = [write_scenario(name, '{ do = "check-frame", name = "desk" }') for name in ("one", "two")]
    with terminal(environment, tmp_path, "run", *files) as child:
        text = shown(child)
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor is shown again"
    first, second = (text.index(f"  {name}  (1 frame checked") for name in ("one", "two"))
    assert not re.search(r"\x1b\[1mone\x1b", text[first:second]), "nothing of the first is live beside the second"


@pytest.mark.parametrize("quiet", [["--json"], []], ids=["json", "no-color"])
def test_json_and_no_color_are_kept_on_a_terminal(
    environment: Mapping[str, str], tmp_path: Path, quiet: list[str]
) -> None:
    given = environment if quiet else {**environment, "NO_COLOR": "1"}
    with terminal(given, tmp_path, "boot", "reference", *quiet) as child:
        text = shown(child)
    assert "step " not in text
    assert quiet or "\x1b" not in text


def test_a_pipe_gets_plain_lines_and_no_progress(call: Call) -> None:
    said = call("run", ROOT / "scenarios/smoke/first-light.toml", "--checks")
    assert (said.code, said.stdout) == (0, "")
    assert "\x1b" not in said.stderr
    assert "step 1/" not in said.stderr
    assert said.stderr.startswith("PASS  first-light  (6 frames checked, ")


def test_a_console_ends_with_its_key_and_gives_the_terminal_back(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    with terminal(environment, tmp_path, "console", "reference") as child:
        before = termios.tcgetattr(child.child_fd)
        child.expect_exact("Ctrl-] ends it")
        child.expect_exact("RAYOS_CONTROL:READY:0")
        during = termios.tcgetattr(child.child_fd)
        child.send("\x1d")
        child.expect(pexpect.EOF)
        after = termios.tcgetattr(child.child_fd)
        child.close()
    assert child.exitstatus == 0
    assert during[3] & (termios.ICANON | termios.ECHO | termios.ISIG) == 0, "raw meanwhile: Ctrl-C goes to the guest"
    assert after[3] == before[3]


def test_a_console_document_is_alone_on_stdout(call: Call, tmp_path: Path) -> None:
    """The guest leaves by itself: a command on its console, which carries the control channel here, powers it off."""
    (tmp_path / "inline.toml").write_text(
        f'version = 1\nname = "inline"\n[boot]\nkernel = "{ROOT}/images/reference/build/reference.elf"\n'
        'cmdline = "control=inline free=1"\n[machine]\nbios = "qboot.rom"\ndevices = ["VGA,romfile="]\n'
    )
    from harness.clients.codec import encode

    said = call("console", tmp_path / "inline.toml", "--json", stdin=encode(1, "poweroff"))
    assert set(said.document) == {"returncode", "asked", "shutdown_reason"}
    assert "RAYOS_KIT:BOOT" in said.stderr
    assert said.code == 0


def test_a_failed_guest_is_held_until_ctrl_c_with_its_addresses(
    environment: Mapping[str, str], tmp_path: Path, write_scenario: Callable[..., Path]
) -> None:
    file = write_scenario("held", '{ do = "command", send = "destroy id=9" }')
    with terminal(environment, tmp_path, "run", file, "--pause-on-fail") as child:
        for word in ("FAIL: refused", "left stopped", "console", "gdbstub", "vnc", "Ctrl-C ends it."):
            child.expect_exact(word)
        child.sendintr()
        text = shown(child)
    assert "FAIL" in text
    assert child.exitstatus == 1
