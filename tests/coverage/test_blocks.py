"""QEMU's log is read as it comes: in pieces of any size, and nothing but instructions of the text count."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.coverage.blocks import Blocks

LOG = b"""----------------
IN: kernel_main
0x00100040:  55                       pushq    %rbp
0x00100041:  48 89 e5                 movq     %rsp, %rbp
0x00100044:  0f 01 1d 00 00 00 00     lidtq    (%rip)

CPU Reset (CPU 0)
RAX=0x0010004b RBX=0
Triple fault
----------------
IN:
0x40000000:  c3                       retq
0xffffffff81000000:  90               nop
"""


@given(st.lists(st.integers(0, len(LOG)), max_size=8))
def test_pieces_of_any_size_give_the_same_marks(cuts: list[int]) -> None:
    blocks = Blocks([range(0x100000, 0x100100), range(0x40000000, 0x40000010)])
    places = [0, *sorted(cuts), len(LOG)]
    for begin, end in pairwise(places):
        blocks.feed(LOG[begin:end])
    assert blocks.instructions == 4
    assert blocks.reached(0x100040, 0x100041)
    assert not blocks.reached(0x100042, 0x100044)
    assert not blocks.reached(0x100045, 0x100100)
    assert blocks.reached(0x40000000, 0x40000001)
    assert not blocks.reached(0xFFFFFFFF81000000, 0xFFFFFFFF81000010)  # outside of what was asked for


def test_a_range_that_reaches_beyond_the_text_is_looked_at_within_it() -> None:
    blocks = Blocks([range(0x1000, 0x1010)])
    blocks.feed(b"0x00001000:  90  nop\n")
    assert blocks.reached(0, 0x2000)
    assert not blocks.reached(0, 0x1000)
    assert not blocks.reached(0x1001, 0x9000)


def test_a_line_without_an_end_takes_little_room() -> None:
    blocks = Blocks([range(0x1000, 0x1010)])
    for _ in range(100):
        blocks.feed(b"x" * 100_000)
    assert len(blocks._rest) <= 4096
    blocks.feed(b"\n0x00001000:  90  nop\n")
    assert blocks.instructions == 1
