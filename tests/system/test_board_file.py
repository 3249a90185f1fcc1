"""What a board's file can say, tried on QEMUs behind ptys and TCP: loaders, dead consoles, deployment, pictures."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.boards.qualify import Qualification, Qualifier
from harness.console.serial_port import SerialPort
from harness.engine.run import RunOutcome
from harness.errors import UsageError
from harness.evidence.journal import read_events
from harness.judge.verdict import CheckStatus
from harness.scenario.builder import ScenarioBuilder
from harness.verdicts import Verdict

from .conftest import Play
from .relay import KERNEL, Cable, Spoil, board_file, harmless, loses, reference

pytestmark = pytest.mark.system
U_BOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"


def inline(name: str) -> ScenarioBuilder:
    return ScenarioBuilder(name, image="reference").set(guest__control="inline").boot()


def events(outcome: RunOutcome, kind: str) -> list[dict[str, Any]]:
    return [dict(event.data) for event in read_events(outcome.bundle.journal) if event.kind == kind]


def passed(outcome: RunOutcome) -> RunOutcome:
    assert outcome.verdict.verdict is Verdict.PASS, outcome.verdict.first_cause
    return outcome


def u_boot(cable: Cable) -> list[str]:
    machine = ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a57", "-m", "128", "-bios", U_BOOT]
    machine += ["-nodefaults", "-display", "none", "-chardev", f"socket,id=c,path={cable.socket}"]
    return [*machine, "-serial", "chardev:c"]


@pytest.mark.long
def test_the_autoboot_of_u_boot_is_stopped_and_its_prompt_talked_to(play: Play, tmp_path: Path) -> None:
    loader = """
[[loader]]
expect = "stop autoboot: {1,4}[0-9]"
send = " "
[[loader]]
expect = "=> $"
send = "setenv who board; printenv arch\\r"
"""
    scenario = ScenarioBuilder("u-boot", image="aarch64-u-boot").boot(until="re:^arch=arm", timeout=60)
    scenario = scenario.dialogue(("=> $", "printenv who"), ("who=board", None))
    with Cable(tmp_path) as cable:
        board = board_file(tmp_path, cable.link, u_boot(cable), tables=loader)
        outcome = passed(play(scenario, target=board))
    assert [one["exchange"] for one in events(outcome, "loader")] == [1, 2]


@pytest.mark.long
def test_a_port_is_qualified_against_a_boot_loader_that_echoes_lines(tmp_path: Path) -> None:
    """U-Boot takes a record for a comment, echoes it and prints its prompt, which is not held against the line."""

    async def ask(url: str) -> Qualification:
        port = SerialPort(url)
        await port.open()
        try:
            said = ""
            while "stop autoboot" not in said:
                said += (await port.read()).decode("latin-1")
            await port.write(b" ")
            while not said.endswith("=> "):
                said += (await port.read()).decode("latin-1")
            return await Qualifier(port, echo=True).measure(4096, pace=False)
        finally:
            await port.close()

    def qualified(folder: Path, spoil: Spoil) -> Qualification:
        folder.mkdir()
        with Cable(folder, theirs=spoil) as cable, subprocess.Popen([*u_boot(cable), "-monitor", "none"]) as process:
            try:
                return asyncio.run(asyncio.wait_for(ask(str(cable.link)), 100))
            finally:
                process.kill()

    good = qualified(tmp_path / "good", harmless)
    assert good.clean, good.tally
    bad = qualified(tmp_path / "bad", loses(100, 3))
    low, high = bad.tally.rates()["loss"].interval
    assert not bad.clean
    assert low <= 0.01 <= high, bad.tally


def test_a_console_that_stays_dead_is_brought_to_life_by_its_power(play: Play, tmp_path: Path) -> None:
    """The first power-on starts nothing at all."""
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline free=1")
        second = f"if [ -e '{tmp_path}/once' ]; then exec \"$@\"; fi; touch '{tmp_path}/once'"
        board = board_file(tmp_path, cable.link, ["sh", "-c", second, "sh", *machine], power="dead = 0.5")
        outcome = passed(play(inline("dead").command("query"), target=board))
    assert [one["attempt"] for one in events(outcome, "board.dead")] == [1]
    assert [one["what"] for one in events(outcome, "power")] == ["on", "off", "on", "off"]


def test_the_image_is_deployed_before_the_board_is_switched_on(play: Play, tmp_path: Path) -> None:
    there = tmp_path / "tftp/kernel"
    there.parent.mkdir()
    deploy = f'[deploy]\ncommands = [["cp", "-v", "{{kernel}}", "{there}"], ["test", "-s", "{there}"]]'
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline free=1", kernel=there)
        outcome = passed(play(inline("deploy"), target=board_file(tmp_path, cable.link, machine, tables=deploy)))
    assert there.read_bytes() == KERNEL.read_bytes()
    done = events(outcome, "board.done")
    assert [(one["of"], one["code"]) for one in done] == [("deploy", 0), ("deploy", 0), ("power", 0), ("power", 0)]
    assert str(there) in done[0]["output"]


def test_a_deployment_that_fails_switches_nothing_on(play: Play, tmp_path: Path) -> None:
    deploy = '[deploy]\ncommands = [["sh", "-c", "echo no such flash >&2; exit 3"]]'
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline")
        outcome = play(inline("deploy"), target=board_file(tmp_path, cable.link, machine, tables=deploy))
    first = outcome.verdict.first_cause
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert first is not None
    assert "no such flash" in first.what
    assert events(outcome, "power") == []


def test_a_deployment_of_what_the_image_has_not_is_refused(play: Play, tmp_path: Path) -> None:
    board = board_file(tmp_path, "/dev/null", ["true"], tables='[deploy]\ncommands = [["cp", "{initrd}", "/x"]]')
    with pytest.raises(UsageError, match=r"deploys \{initrd\}, and the image reference has none"):
        play(inline("deploy"), target=board)


def test_the_screen_of_a_board_with_a_grabber_is_checked_to_the_pixel(play: Play, tmp_path: Path) -> None:
    monitor = tmp_path / "monitor"
    command = f"echo screendump {{file}} | socat -t 2 - 'UNIX:{monitor}' >/dev/null"
    tables = f'[capture]\ncommand = ["sh", "-c", """{command}"""]'
    scenario = inline("screen").command("create id=1 x=40 y=60 w=300 h=200 color=3a6ea5", "frames n=1")
    scenario = scenario.check_frame("one window", timeout=20)
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline free=1", "-monitor", f"unix:{monitor},server=on,wait=off")
        outcome = passed(play(scenario, target=board_file(tmp_path, cable.link, machine, tables=tables)))
    assert outcome.verdict.frames_checked == 1
    assert [one["way"] for one in events(outcome, "frame")] == ["grabber"]


def test_steps_that_the_board_cannot_do_are_refused_before_it_is_switched_on(play: Play, tmp_path: Path) -> None:
    board = board_file(tmp_path, "/dev/null", ["touch", str(tmp_path / "switched")])
    with pytest.raises(UsageError, match=r"step 2, check-frame x against scene, needs screen; step 3, shutdown, needs"):
        play(inline("too-much").check_frame("x").shutdown(), target=board)
    assert not (tmp_path / "switched").exists()


def test_what_a_scenario_can_do_without_is_skipped_by_name(play: Play, tmp_path: Path) -> None:
    scenario = inline("spared").optional("screen", "qmp", "input").command("query")
    scenario = scenario.type("x").expect("RAYOS_INPUT:KEY").check_frame("x").shutdown()
    with Cable(tmp_path) as cable:
        machine = reference(cable, "control=inline free=1")
        outcome = passed(play(scenario, target=board_file(tmp_path, cable.link, machine)))
    verdict = outcome.verdict
    assert [(check.step, check.status) for check in verdict.checks] == [
        (0, CheckStatus.MET),
        (3, CheckStatus.SKIPPED),
        (4, CheckStatus.SKIPPED),
        (5, CheckStatus.SKIPPED),
    ]
    assert [note for note in verdict.notes if note.startswith("SKIPPED")] == [
        "SKIPPED step 3, type 'x': needs input, qmp",
        "SKIPPED step 4, expect RAYOS_INPUT:KEY: looks at what step 3 does, which is left out",
        "SKIPPED step 5, check-frame x against scene: needs screen",
        "SKIPPED step 6, shutdown: needs qmp",
    ]


@contextmanager
def ser2net(folder: Path, device: Path) -> Iterator[str]:
    """Debian's ser2net before *device*; the RFC 2217 URL that it serves."""
    config = folder / "ser2net.yaml"
    config.write_text(
        "connection: &con\n  accepter: telnet(rfc2217),tcp,127.0.0.1,0\n"
        f"  connector: serialdev,{device},115200n81,local\n  options:\n    kickolduser: true\n"
    )
    argv = ["/usr/sbin/ser2net", "-n", "-d", "-c", str(config), "-P", str(folder / "ser2net.pid")]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            # A pty has no control lines for ser2net to set, and it does not answer then.
            yield f"rfc2217://127.0.0.1:{listening(process)}?ign_set_control"
        finally:
            process.terminate()


def listening(process: subprocess.Popen[bytes]) -> int:
    """The port on which *process* listens. ser2net tells nobody when it does, so its sockets are looked at."""
    while process.poll() is None:
        own = set()
        for entry in Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                own.add(str(entry.readlink()))
            except OSError:
                continue  # closed meanwhile
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                return int(words[1].rpartition(":")[2], 16)
    raise AssertionError("ser2net ended")


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_a_board_behind_ser2net_with_rfc_2217_is_used_as_any_other(play: Play, tmp_path: Path) -> None:
    with Cable(tmp_path) as cable, ser2net(tmp_path, cable.link) as url:
        machine = reference(cable, "control=inline free=1 seal=1")
        scenario = inline("far").command("scenario name=far", "milestone name=there", "complete")
        scenario = scenario.expect("RAYOS_INTEGRATION:SCENARIO_COMPLETE:far:pass", since="boot")
        passed(play(scenario, target=board_file(tmp_path, url, machine)))


def test_a_board_behind_a_socat_bridge_is_paced_byte_by_byte(play: Play, tmp_path: Path) -> None:
    bridge = tmp_path / "ttyBRIDGE"
    with Cable(tmp_path) as cable:
        argv = ["socat", "-d", "-d", f"PTY,link={bridge},rawer", f"OPEN:{cable.link},rawer"]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "starting data transfer loop" in line:
                    break
            machine = reference(cable, "control=inline free=1")
            board = board_file(tmp_path, bridge, machine, head="pacing = 0.0005")
            passed(play(inline("paced").command("create id=1 x=1 y=1 w=90 h=90 color=3a6ea5"), target=board))
            process.terminate()


def test_a_board_that_somebody_else_uses_is_refused_with_his_name(play: Play, tmp_path: Path) -> None:
    async def hold() -> RunOutcome:
        port = SerialPort(str(cable.link))
        await port.open()
        try:
            return await asyncio.to_thread(play, inline("taken"), target=board)
        finally:
            await port.close()

    with Cable(tmp_path) as cable:
        board = board_file(tmp_path, cable.link, ["true"])
        outcome = asyncio.run(hold())
    first = outcome.verdict.first_cause
    assert outcome.verdict.verdict is Verdict.INCONCLUSIVE
    assert first is not None
    assert f"in use by process {os.getpid()}" in first.what
