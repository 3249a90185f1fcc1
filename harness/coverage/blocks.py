"""The instructions that QEMU's log says it translated (`-d in_asm`): a mark for each byte of the kernel's text.

QEMU translates a block when it is first reached, and logs it then: that costs nothing when it runs again. The log is
read as it comes and never kept; what is kept is as large as the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# "0x00100040:  48 89 e5                 movq     %rsp, %rbp"; without a disassembler for the machine QEMU writes
# "OBJD-T: 4889e5…" instead, which names no address.
_INSTRUCTION = re.compile(rb"^0x([0-9a-f]{1,16}):", re.M)
_LINE = 4096  # bytes of an unfinished line that are kept: QEMU's are shorter than 200


class Blocks:
    """What was reached of *ranges*, the addresses of the text. Feed it the log in pieces of any size."""

    def __init__(self, ranges: Sequence[range]) -> None:
        self._marks = [(span, bytearray(len(span))) for span in ranges]
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the log."""
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:][-_LINE:]
        for match in _INSTRUCTION.finditer(data, 0, end):
            address = int(match[1], 16)
            for span, marks in self._marks:
                if address in span:
                    marks[address - span.start] = 1
                    break

    def reached(self, low: int, high: int) -> bool:
        """Whether an instruction that begins in [*low*, *high*) was."""
        return any(
            marks.find(1, max(low - span.start, 0), max(high - span.start, 0)) >= 0
            for span, marks in self._marks
            if low < span.stop and high > span.start
        )

    @property
    def instructions(self) -> int:
        """How many were reached."""
        return sum(marks.count(1) for _, marks in self._marks)
