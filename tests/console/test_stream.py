"""Echo marks and boot epochs."""

from __future__ import annotations

import pytest

from harness.console.stream import ConsoleStream
from harness.console.types import Chunk, Line, LineFlag


def feed(stream: ConsoleStream, text: str) -> list[Line]:
    return stream.feed(Chunk(0, text.encode(), 0))


@pytest.mark.parametrize(
    ("sent", "line", "echoed"),
    [
        ("ls -l\r", "$ ls -l", ["ls -l"]),
        ("ls -l\r", "$ ls -la", []),
        ("root\n", "login: root", ["root"]),
        ("root\n", "chroot failed", []),
        ("y\n", "really? [y/n] y", ["y"]),
        ("y\n", "ready", []),
        ("y\n", "try y now", []),
        ("echo RAYOS_A:B\r", "$ echo RAYOS_A:B", ["echo RAYOS_A:B", "RAYOS_A:B"]),
        ("echo RAYOS_A:B\r", "RAYOS_A:B", ["RAYOS_A:B"]),
        ("echo RAYOS_A:B\r", "RAYOS_A:BC", []),
        ("echo RAYOS_A:$X\r", "RAYOS_A:0", []),
        ("\x03", "^C", []),
    ],
)
def test_what_was_sent_is_marked_where_it_comes_back(sent: str, line: str, echoed: list[str]) -> None:
    stream = ConsoleStream()
    stream.sent(sent)
    (got,) = feed(stream, line + "\n")
    assert [got.text[a:b] for a, b in got.echo] == echoed
    assert (LineFlag.ECHO in got.flags) == bool(echoed)


def test_nothing_is_echo_before_something_was_sent() -> None:
    assert feed(ConsoleStream(), "login: root\n")[0].echo == ()


def test_a_line_sent_in_pieces_is_one_line() -> None:
    stream = ConsoleStream()
    for char in "reboot now\r":
        stream.sent(char)
    assert feed(stream, "# reboot now\n")[0].echo == ((2, 12),)


def test_a_prompt_with_its_answer_is_marked_too() -> None:
    stream = ConsoleStream()
    feed(stream, "login: ")
    assert stream.partial is not None
    assert LineFlag.ECHO not in stream.partial.flags
    stream.sent("root\r")
    feed(stream, "root")
    assert LineFlag.ECHO in stream.partial.flags


def test_only_the_echoed_part_of_a_line_is_echo() -> None:
    stream = ConsoleStream()
    stream.sent("status\r")
    (line,) = feed(stream, "status: ready\n")
    assert line.is_echo(0, 6)
    assert line.is_echo(3, 13)
    assert not line.is_echo(8, 13)


def test_the_memory_of_what_was_sent_is_bounded() -> None:
    stream = ConsoleStream()
    stream.sent("first command\r")
    for number in range(100):
        stream.sent(f"command {number}\r" + "x" * 5000 + "\r")
    assert feed(stream, "first command\n")[0].echo == ()
    assert feed(stream, "command 99\n")[0].echo == ((0, 10),)


def test_an_epoch_ends_the_line_and_counts_on() -> None:
    stream = ConsoleStream()
    feed(stream, "old boot\nhalf a li")
    (rest,) = stream.new_epoch()
    assert (rest.text, rest.epoch, rest.flags) == ("half a li", 0, LineFlag.UNENDED)
    (line,) = feed(stream, "new boot\n")
    assert (line.epoch, line.number, stream.epoch) == (1, 3, 1)
    stream.new_epoch(5)
    assert stream.epoch == 5
