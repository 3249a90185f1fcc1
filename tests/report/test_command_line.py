"""A command line for people: quoted for a shell, and free of what only the harness has."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.command_line import by_hand, lines

WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=30)
@given(st.lists(WORD | WORD.map("-{}".format), max_size=12))
def test_a_shell_reads_back_what_was_written(argv: list[str]) -> None:
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' x {lines(argv)}"], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[1:-1] == argv


def test_lines_break_before_options() -> None:
    written = lines(["qemu", *[word for i in range(20) for word in (f"-device{i}", f"value-{i},id=x{i}")]])
    assert all(line.lstrip().startswith("-") for line in written.splitlines()[1:])
    assert all(line.endswith(" \\") for line in written.splitlines()[:-1])
    assert max(map(len, written.splitlines())) < 130


def test_by_hand_the_console_is_the_terminal_and_nothing_private_is_left() -> None:
    argv = shlex.split(
        "qemu -S -chardev socket,id=qmp,fd=9 -mon chardev=qmp,mode=control -monitor none"
        " -chardev socket,id=console,fd=12 -serial chardev:console"
        " -chardev socket,id=control,fd=13 -serial chardev:control"
        " -chardev socket,id=gdb,path=/x,server=on -gdb chardev:gdb -d cpu_reset -D /dev/fd/14"
        " -chardev file,id=port,path=/x -device virtserialport,chardev=port -display none -append ''"
    )
    assert by_hand(argv) == shlex.split(
        "qemu -monitor none -chardev stdio,id=console -serial chardev:console -chardev null,id=control"
        " -serial chardev:control -chardev null,id=port -device virtserialport,chardev=port -display none -append ''"
    )


def test_what_the_user_asked_for_stays() -> None:
    argv = [
        "qemu",
        "-serial",
        "mon:stdio",
        "-chardev",
        "vc,id=own",
        "-d",
        "int",
        "-D",
        "/tmp/log",
        "-append",
        "-x -S",
        "-gdb",
        "tcp::1234",
    ]
    assert by_hand(argv) == argv


def test_without_a_command_there_is_none() -> None:
    assert by_hand([]) == []
    assert lines([]) == ""
