"""The oracle's own table of the desktop's 5×7 font, transcribed from docs/font.txt."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

CELL_WIDTH, CELL_HEIGHT = 6, 8  # pixels; the glyph stands at the cell's top left
FIRST = 0x20  # code of the first glyph; the last is 0x7e

_ROWS = 7
# A glyph is seven rows from top to bottom, each five bits as two hex digits, the left pixel the highest bit.
_GLYPHS = (
    "00 00 00 00 00 00 00 "  # space
    "04 04 04 04 04 00 04 "  # !
    "0a 0a 0a 00 00 00 00 "  # "
    "0a 0a 1f 0a 1f 0a 0a "  # #
    "04 0f 14 0e 05 1e 04 "  # $
    "18 19 02 04 08 13 03 "  # %
    "0c 12 14 08 15 12 0d "  # &
    "04 04 08 00 00 00 00 "  # '
    "02 04 08 08 08 04 02 "  # (
    "08 04 02 02 02 04 08 "  # )
    "00 04 15 0e 15 04 00 "  # *
    "00 04 04 1f 04 04 00 "  # +
    "00 00 00 00 0c 04 08 "  # ,
    "00 00 00 1f 00 00 00 "  # -
    "00 00 00 00 00 0c 0c "  # .
    "01 01 02 04 08 10 10 "  # /
    "0e 11 13 15 19 11 0e "  # 0
    "04 0c 04 04 04 04 0e "  # 1
    "0e 11 01 02 04 08 1f "  # 2
    "1f 02 04 02 01 11 0e "  # 3
    "02 06 0a 12 1f 02 02 "  # 4
    "1f 10 1e 01 01 11 0e "  # 5
    "06 08 10 1e 11 11 0e "  # 6
    "1f 01 02 04 08 08 08 "  # 7
    "0e 11 11 0e 11 11 0e "  # 8
    "0e 11 11 0f 01 02 0c "  # 9
    "00 0c 0c 00 0c 0c 00 "  # :
    "00 0c 0c 00 0c 04 08 "  # ;
    "02 04 08 10 08 04 02 "  # <
    "00 00 1f 00 1f 00 00 "  # =
    "08 04 02 01 02 04 08 "  # >
    "0e 11 01 02 04 00 04 "  # ?
    "0e 11 17 15 17 10 0f "  # @
    "04 0a 11 11 1f 11 11 "  # A
    "1e 11 11 1e 11 11 1e "  # B
    "0e 11 10 10 10 11 0e "  # C
    "1c 12 11 11 11 12 1c "  # D
    "1f 10 10 1e 10 10 1f "  # E
    "1f 10 10 1e 10 10 10 "  # F
    "0e 11 10 17 11 11 0f "  # G
    "11 11 11 1f 11 11 11 "  # H
    "0e 04 04 04 04 04 0e "  # I
    "07 02 02 02 02 12 0c "  # J
    "11 12 14 18 14 12 11 "  # K
    "10 10 10 10 10 10 1f "  # L
    "11 1b 15 15 11 11 11 "  # M
    "11 11 19 15 13 11 11 "  # N
    "0e 11 11 11 11 11 0e "  # O
    "1e 11 11 1e 10 10 10 "  # P
    "0e 11 11 11 15 12 0d "  # Q
    "1e 11 11 1e 14 12 11 "  # R
    "0f 10 10 0e 01 01 1e "  # S
    "1f 04 04 04 04 04 04 "  # T
    "11 11 11 11 11 11 0e "  # U
    "11 11 11 11 11 0a 04 "  # V
    "11 11 11 15 15 1b 11 "  # W
    "11 11 0a 04 0a 11 11 "  # X
    "11 11 0a 04 04 04 04 "  # Y
    "1f 01 02 04 08 10 1f "  # Z
    "0e 08 08 08 08 08 0e "  # [
    "10 10 08 04 02 01 01 "  # \
    "0e 02 02 02 02 02 0e "  # ]
    "04 0a 11 00 00 00 00 "  # ^
    "00 00 00 00 00 00 1f "  # _
    "08 04 02 00 00 00 00 "  # `
    "00 00 0e 01 0f 11 0f "  # a
    "10 10 16 19 11 11 1e "  # b
    "00 00 0f 10 10 10 0f "  # c
    "01 01 0d 13 11 11 0f "  # d
    "00 00 0e 11 1f 10 0f "  # e
    "06 09 08 1c 08 08 08 "  # f
    "00 0f 11 11 0f 01 0e "  # g
    "10 10 16 19 11 11 11 "  # h
    "04 00 0c 04 04 04 0e "  # i
    "02 00 06 02 02 12 0c "  # j
    "10 10 12 14 18 14 12 "  # k
    "0c 04 04 04 04 04 0e "  # l
    "00 00 1a 15 15 15 15 "  # m
    "00 00 16 19 11 11 11 "  # n
    "00 00 0e 11 11 11 0e "  # o
    "00 1e 11 11 1e 10 10 "  # p
    "00 0f 11 11 0f 01 01 "  # q
    "00 00 16 19 10 10 10 "  # r
    "00 00 0f 10 0e 01 1e "  # s
    "08 08 1c 08 08 09 06 "  # t
    "00 00 11 11 11 13 0d "  # u
    "00 00 11 11 11 0a 04 "  # v
    "00 00 11 15 15 15 0a "  # w
    "00 00 11 0a 04 0a 11 "  # x
    "00 11 11 11 0f 01 0e "  # y
    "00 00 1f 02 04 08 1f "  # z
    "03 04 04 08 04 04 03 "  # {
    "04 04 04 04 04 04 04 "  # |
    "18 04 04 02 04 04 18 "  # }
    "00 00 08 15 02 00 00 "  # ~
)


@cache
def cells() -> NDArray[np.bool_]:
    """All glyphs in their cells, shape (95, `CELL_HEIGHT`, `CELL_WIDTH`): True where a pixel is set."""
    rows = np.frombuffer(bytes.fromhex(_GLYPHS), np.uint8).reshape(-1, _ROWS)
    table = np.zeros((len(rows), CELL_HEIGHT, CELL_WIDTH), np.bool_)
    table[:, :_ROWS, :5] = (rows[:, :, None] >> np.arange(4, -1, -1)) & 1
    table.flags.writeable = False
    return table


def line(text: str) -> NDArray[np.bool_]:
    """One line of text, shape (`CELL_HEIGHT`, `CELL_WIDTH` × length): True where a pixel is set.

    :raises IndexError: for a character outside 0x20–0x7e.
    """
    codes = np.frombuffer(text.encode("latin-1"), np.uint8).astype(np.intp) - FIRST
    if codes.size and codes.min() < 0:
        raise IndexError(f"no glyph for a character of {text!r}")
    return cells()[codes].transpose(1, 0, 2).reshape(CELL_HEIGHT, CELL_WIDTH * len(text))
