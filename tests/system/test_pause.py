"""`run --pause-on-fail`: the guest is left stopped, and every address that is printed leads to it."""

from __future__ import annotations

import re
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from harness.clients.codec import encode

from .live_harness import PATIENCE, Harnesses, LiveHarness

pytestmark = pytest.mark.system
INLINE = 'set = { "guest.control" = "inline", "boot.cmdline" = "control=inline" }\n'
FAILS = INLINE + (
    '[[step]]\ndo = "boot"\n[[step]]\ndo = "command"\nsend = "destroy id=9"\n'  # refused: there is no such window
)


def addresses(live: LiveHarness) -> dict[str, str]:
    """What it printed, by name, up to the line that says how to end it."""
    assert live.process.stderr is not None
    found: dict[str, str] = {}
    for line in live.process.stderr:
        if line.startswith("Ctrl-C ends it"):
            return found
        name, _, address = line.strip().partition(" ")
        found[name] = address.strip()
    raise AssertionError(f"it ended without a pause: {found}")


@contextmanager
def joined(path: str) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(PATIENCE)
        line.connect(path)
        yield line


def until(line: socket.socket, pattern: bytes) -> bytes:
    """What the peer says, up to *pattern*."""
    said = b""
    while not re.search(pattern, said):
        piece = line.recv(4096)
        assert piece, f"hung up after {said!r}"
        said += piece
    return said


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_the_addresses_that_are_printed_lead_to_the_stopped_guest(clock: str, harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(FAILS), "--pause-on-fail", "--json", "--clock", clock)
    found = addresses(live)
    assert live.events()[-1].kind == "qmp.event"
    assert live.events()[-1].data["name"] == "STOP"

    host, port = found["vnc"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as screen:
        assert screen.recv(12) == b"RFB 003.008\n"

    console = found["console"].rpartition("UNIX-CONNECT:")[2]
    with joined(found["gdbstub"].removeprefix("target remote ")) as gdb, joined(console) as terminal:
        gdb.sendall(b"$?#3f")
        assert b"$T05" in until(gdb, rb"\$[^#]*#..")
        gdb.sendall(b"+$c#63")  # the guest goes on, and answers who types
        terminal.sendall(encode(0x77, "hello"))
        assert b" ok proto=1" in until(terminal, rb"~R0077.*\n")

    live.signal(signal.SIGINT)
    ended = live.finish()
    assert (ended.code, ended.document["verdict"]) == (1, "FAIL"), ended
    assert ended.document["runs"][0]["first_cause"].startswith("refused: ")
    assert live.children() == []
    assert live.run_directories() == []
    again = harnesses.run("judge", live.bundle, "--json")
    assert again.document["runs"] == ended.document["runs"]


def test_sigterm_ends_a_pause_too(harnesses: Harnesses) -> None:
    live = harnesses.start("run", harnesses.scenario(FAILS), "--pause-on-fail", "--json")
    addresses(live)
    live.signal(signal.SIGTERM)
    ended = live.finish()
    assert (ended.code, ended.document["verdict"]) == (1, "FAIL")
    assert live.children() == []


def test_a_run_that_passes_does_not_pause(harnesses: Harnesses) -> None:
    ended = harnesses.run("run", harnesses.scenario('[[step]]\ndo = "boot"\n'), "--pause-on-fail", "--json")
    assert (ended.code, ended.document["verdict"]) == (0, "PASS")


def test_a_run_that_was_interrupted_does_not_pause(harnesses: Harnesses) -> None:
    never = '[[step]]\ndo = "boot"\n[[step]]\ndo = "expect"\nall = ["RAYOS_NEVER:COMES"]\ntimeout = 300\n'
    live = harnesses.start("run", harnesses.scenario(never), "--pause-on-fail", "--json")
    live.until_event("step.begin", do="expect")
    live.signal(signal.SIGINT)
    assert live.finish().code == 130


def test_a_board_that_fell_silent_is_left_with_its_address_and_the_word_that_it_goes_on(
    harnesses: Harnesses, tmp_path: Path
) -> None:
    """There is no post mortem of a board: the deadline alone has to end in a pause."""
    with socket.create_server(("127.0.0.1", 0)) as cable:
        url = f"socket://127.0.0.1:{cable.getsockname()[1]}"
        (tmp_path / "desk.toml").write_text(f'name = "desk"\nurl = "{url}"\nlossless = true\n')
        never = '[[step]]\ndo = "boot"\nuntil = "text:never"\ntimeout = 0.2\n'
        live = harnesses.start(
            "run", harnesses.scenario(never), "--target", tmp_path / "desk.toml", "--pause-on-fail", "--json"
        )
        found = addresses(live)
        assert found["console"] == url
        assert found["The"].startswith("guest cannot be stopped here")
        live.signal(signal.SIGINT)
        ended = live.finish()
    assert (ended.code, ended.document["verdict"]) == (1, "HANG"), ended
    again = harnesses.run("judge", live.bundle, "--json")
    assert again.document["runs"] == ended.document["runs"]
