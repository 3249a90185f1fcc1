"""What the documentation says is true: its examples run, its links lead somewhere, those of the help texts work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import click
import pexpect
import pytest

from harness.cli.main import cli
from harness.targets.build import build
from harness.targets.loader import find_image
from harness.targets.needs import Readiness, status

from .fragile import FRAGILE
from .synthetic_history import make_series

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LIMIT = 100  # seconds; the slowest block takes 3, most of it booting


class Block(NamedTuple):
    """One example: where it starts, its text, and the exit code that it announces with `# exit N` on its first line."""

    place: str
    text: str
    code: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of *page* that are marked `sh test`."""
    for found in re.finditer(r"^```sh test\n(.*?)^```$", page.read_text(), re.S | re.M):
        line = found.string.count("\n", 0, found.start()) + 1
        announced = re.match(r"# exit (\d+)\n", found[1])
        yield Block(f"{page.name}:{line}", found[1], int(announced[1]) if announced else 0)


BLOCKS = [block for page in PAGES for block in blocks(page)]
SLOW = re.compile(
    r"harness (chaos|twin|repro|replay|zoo|doctor|bisect)\b|image build|console debian|boot memtest|--clock record"
    r"|--warm|--(?:repeat|campaign|jobs)\b|-m pytest|scripts/|work-after-a-crash|WaylandPort"
)


def timed(text: str) -> Iterator[pytest.MarkDecorator]:
    """Examples that boot many machines, compile, or replay are for the long run."""
    if SLOW.search(text):
        yield pytest.mark.long


@pytest.fixture
def surroundings(tmp_path: Path) -> Mapping[str, str]:
    """What an example finds: `harness` on PATH, a folder TMP of its own, and bundles that go there too."""
    shim = tmp_path / "bin/harness"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m harness.cli.main "$@"\n')
    shim.chmod(0o755)
    python = tmp_path / "bin/python3"  # the one that has the package, whichever the caller's PATH names
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P "$@"\n')
    python.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    return {
        **os.environ,
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "TMP": str(tmp_path / "tmp"),
        "HARNESS_RUNS_DIR": str(tmp_path / "runs"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),  # an example removes all snapshots: not the user's
    }


def bash(text: str, environment: Mapping[str, str], folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-eu", "-c", text],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@pytest.mark.parametrize("block", [pytest.param(b, marks=[*timed(b.text)], id=b.place) for b in BLOCKS])
def test_an_example_of_the_documentation_runs(block: Block, surroundings: Mapping[str, str]) -> None:
    if "WaylandPort" in block.text and status(find_image("weston")).readiness is not Readiness.READY:
        build(find_image("weston"), force=False)
    done = bash(block.text, surroundings)
    assert done.returncode == block.code, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(
    "page",
    [
        "README",
        "bisect",
        "boards",
        "chaos",
        "ci",
        "faults",
        "bring-your-own-kernel",
        "clusters",
        "frames",
        "image-profiles",
        "install",
        "markers",
        "protocol",
        "pytest",
        "reference-guest",
        "scenarios",
        "triage",
        "verdicts",
        "wayland-client",
    ],
)
def test_a_page_about_something_that_can_be_done_shows_how(page: str) -> None:
    assert any(block.place.startswith(f"{page}.md:") for block in BLOCKS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    broken = []
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            broken.append(link)
    assert not broken


def headings(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_every_page_is_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in readme] == []


def commands(group: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands, with their words."""
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from commands(found, *path, name)


CRASHING = """version = 1
name = "crash"
image = "reference"
step = [{ do = "boot" }, { do = "command", send = "crash kind=ud" }, { do = "expect", all = ["RAYOS_X:Y"] }]
"""

CONSOLE_READY = {
    "harness console debian-linux": "login:",
    "harness console reference --vnc": "RAYOS_CONTROL:READY:0",
}
"""Examples that talk, and what comes when they can be left."""


COMMANDS = {" ".join(path): command for path, command in commands(cli)}


def examples(command: click.Command) -> list[str]:
    """The lines under `Example:` or `Examples:` of a command's help."""
    found = re.search(r"^ *Examples?:\n((?: +\S.*\n?)+)", command.help or "", re.M)
    return [line.strip() for line in found[1].splitlines()] if found else []


EXAMPLES = [line for command in COMMANDS.values() for line in examples(command)]
CONSOLES = {line: ready for line in EXAMPLES for ready in [CONSOLE_READY.get(line)] if ready}
# These two hang on what the archive has today, and write to the checkout: a lock file that is strict, and its renewal.
LOCKS = {"harness image build weston --locked", "harness image update weston"}
PLAIN = [line for line in EXAMPLES if line not in CONSOLES and line not in LOCKS]


@pytest.fixture
def desk(surroundings: Mapping[str, str], tmp_path: Path) -> Path:
    """A folder like a kernel engineer's, with everything that the help texts speak of."""
    folder = tmp_path / "desk"
    (folder / "build").mkdir(parents=True)
    (folder / "images").symlink_to(ROOT / "images")
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / "scenarios/smoke").mkdir(parents=True)  # the other scenarios have tests of their own and take long
    shutil.copy(ROOT / "scenarios/smoke/first-light.toml", folder / "scenarios/smoke")
    (folder / "scenarios/chaos").mkdir()
    shutil.copy(ROOT / "scenarios/chaos/desk.toml", folder / "scenarios/chaos")
    shutil.copy(ROOT / "images/reference/build/reference.elf", folder / "build/kernel.elf")
    (folder / "disk.img").write_bytes(boot_sector("login:"))
    (folder / "serial.log").write_text(
        "RAYOS_SOAK:START:1:5\nRAYOS_SOAK:CLIENT_CREATED:1\nRAYOS_SOAK:CLIENT_DESTROYED:1\nRAYOS_SOAK:COMPLETE:pass\n"
    )
    (folder / "boards").mkdir()
    (folder / "boards/desk-1.toml").write_text('name = "desk-1"\nurl = "socket://127.0.0.1:9"\n')
    ssh = tmp_path / "bin/ssh"
    ssh.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(folder))}/serial.log\n")
    ssh.chmod(0o755)
    return folder


def boot_sector(text: str) -> bytes:
    """A disk whose boot sector prints *text* on the first serial port and halts."""
    code = bytes.fromhex(
        "fc 31c0 8ed8"  # cld; xor ax, ax; mov ds, ax
        "baf803 be167c"  # mov dx, 0x3f8; mov si, text
        "ac 84c0 7403 ee ebf8"  # next: lodsb; test al, al; jz done; out dx, al; jmp next
        "f4 ebfd"  # done: hlt; jmp done
    )
    sector = (code + text.encode() + b"\0").ljust(510, b"\0") + b"\x55\xaa"
    return sector + bytes(1 << 20)  # the BIOS boots no disk of one sector


def private_installation(folder: Path) -> str:
    """Sets PYTHONPATH to a copy with the reference images alone, so that building disturbs no other test."""
    root = folder / "installation"
    shutil.copytree(ROOT / "harness", root / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "images/reference", root / "images/reference", ignore=shutil.ignore_patterns("build"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return f"export PYTHONPATH={shlex.quote(str(root))}; "


@pytest.mark.parametrize("line", [pytest.param(line, marks=[*timed(line)]) for line in PLAIN])
def test_an_example_of_the_help_texts_works(line: str, surroundings: Mapping[str, str], desk: Path) -> None:
    first = ""
    if line.startswith("harness image build"):
        first = private_installation(desk)
    elif line.startswith("harness bisect"):
        make_series(desk / "build", 2, culprit=2)
    elif line.startswith("harness judge"):
        first = f"harness run scenarios/smoke/first-light.toml --runs-dir runs; mv runs/* {line.split()[2]}; "
    elif line.startswith("harness report"):
        first = "harness run scenarios/smoke/first-light.toml --runs-dir runs; "
        first += f"mv runs/* {line.split()[2]}; " if "1a2b3c4d" in line else ""
    elif line.startswith("harness triage runs"):
        (desk / "crash.toml").write_text(CRASHING)
        first = f"harness run crash.toml --runs-dir runs || mv runs/* {line.split()[2]}; "
    elif line.startswith("harness triage"):
        first = "echo 'PANIC: no memory' > serial.log; "
    elif line.startswith("harness repro"):
        (desk / "fragile.toml").write_text(FRAGILE)
        first = "harness chaos fragile.toml --seeds 1..1 --kind client-kill --faults 1 --shrink 3 || "
        first += f"mv *.repro.json {line.split()[2]}; "
    elif line.startswith("harness replay"):
        first = "harness run scenarios/smoke/first-light.toml --clock record --runs-dir runs; "
        first += f"mv runs/* {line.split()[2]}; "
    elif line.startswith("harness coverage"):
        for folder in ("monday", "tuesday", "runs/1-smoke"):
            (desk / folder).mkdir(parents=True)
            (desk / folder / "coverage.info").write_text("TN:\nSF:/kernel/main.c\nDA:7,1\nend_of_record\n")
    elif line.startswith("harness twin"):
        (block,) = (block.text for block in BLOCKS if "harness twin" in block.text)
        first = block.partition("\nharness run")[0] + "\n"
        first += 'mv "$TMP/board-check.toml" .; mv "$TMP/board.toml" desk-3.toml; '
    done = bash(first + line, surroundings, desk)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("line", [pytest.param(line, marks=[*timed(line)]) for line in CONSOLES])
def test_a_console_example_of_the_help_texts_works(line: str, surroundings: Mapping[str, str], desk: Path) -> None:
    program, *arguments = shlex.split(line)
    if "debian-linux" in arguments:
        assert bash("harness image build debian-linux", surroundings, desk).returncode == 0
    with pexpect.spawn(
        program, arguments, cwd=str(desk), env=dict(surroundings), encoding="utf-8", timeout=60
    ) as child:
        child.expect_exact(CONSOLES[line])
        child.send("\x1d")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


@pytest.mark.parametrize(
    "words", [words for words, command in COMMANDS.items() if not isinstance(command, click.Group)]
)
def test_every_command_shows_an_example(words: str) -> None:
    assert examples(COMMANDS[words])


def test_every_page_has_its_examples_run() -> None:
    """A block that should be run but is not marked so would go unnoticed: plain `sh` blocks are not used."""
    assert [page.name for page in PAGES if re.search(r"^```(?:sh|bash|console)$", page.read_text(), re.M)] == []
