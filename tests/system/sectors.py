"""Guests of 512 bytes: boot sectors from a few lines of assembly, for what a real kernel would be too much."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

from harness.targets.profile import Boot, Disk, Guest, Machine, Profile

_FRAME = """
.code16
.set PORT, {port}
.globl _start
_start: xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        movb %dl, drive
        cld
        movw $banner, %si
        call puts
{body}
leave:  movb $0x31, %al         # isa-debug-exit: status 2 * 0x31 + 1 = 99
        movw $0x501, %dx
        outb %al, %dx
dead:   cli
        hlt
        jmp dead
putc:   pushw %dx
        pushw %ax
        movw $PORT + 5, %dx
1:      inb %dx, %al
        testb $0x20, %al
        jz 1b
        popw %ax
        movw $PORT, %dx
        outb %al, %dx
        popw %dx
        ret
getc:   movw $PORT + 5, %dx
1:      inb %dx, %al
        testb $1, %al
        jz 1b
        movw $PORT, %dx
        inb %dx, %al
        ret
1:      call putc
puts:   lodsb
        testb %al, %al
        jnz 1b
        ret
drive:  .byte 0
banner: .asciz "{banner}"
.org 510
.word 0xaa55
"""

LEAVE = ""
TRIPLE_FAULT = "lidt nothing\nud2\nnothing: .word 0\n.long 0"
KEYBOARD_RESET = "movb $0xfe, %al\noutb %al, $0x64\njmp ."
CLI_LOOP = "cli\njmp ."
CLI_HALT = "cli\n1: hlt\njmp 1b"
BUSY = "sti\n1: incw %bx\njmp 1b"
IDLE = "sti\n1: hlt\njmp 1b"
FLOOD = "1: movb $'x', %al\ncall putc\njmp 1b"
ECHO = "1: call getc\ncmpb $'.', %al\nje leave\nincb %al\ncall putc\njmp 1b"
# Adds one to a byte of its own sector, writes the sector back, and prints the byte as a letter from A on.
COUNT_BOOTS = """
        incb boots
        movw $0x0301, %ax
        movw $1, %cx
        xorb %dh, %dh
        movb drive, %dl
        movw $0x7c00, %bx
        int $0x13
        movb boots, %al
        call putc
        jmp leave
boots:  .byte 'A' - 1
"""


@cache
def sector(body: str, *, banner: str = "hello\\r\\n", port: int = 0x3F8) -> bytes:
    """The boot sector that prints *banner* on the serial port at *port* and then does *body*; at its end it leaves."""
    source = _FRAME.format(body=body, banner=banner, port=port)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        subprocess.run(["as", "--32", "-o", made / "s.o"], input=source.encode(), cwd=folder, check=True)
        layout = ["-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary"]
        subprocess.run(["ld", *layout, "-o", made / "s.bin", made / "s.o"], check=True)
        return (made / "s.bin").read_bytes()


def image(folder: Path, content: bytes, name: str = "disk.img") -> Path:
    """A disk image of 1 MiB."""
    path = folder / name
    path.write_bytes(content.ljust(1 << 20, b"\0"))
    return path


def profile(disk: Path, *, persist: bool = False, display: bool = False, machine: Machine | None = None) -> Profile:
    """A PC that boots *disk*, with isa-debug-exit."""
    return Profile(
        name=disk.stem,
        boot=Boot(shape="disk", disk=Disk(file=disk, interface="ide", persist=persist)),
        machine=machine or Machine(memory_mb=32),
        guest=Guest(exit_device=True, display=display),
    )
