"""The console's lines with boot epochs and echo marks. The live run and the offline judge use this same object."""

from __future__ import annotations

from collections.abc import Iterable

from harness.console.echo import EchoMemory
from harness.console.lines import LineAssembler
from harness.console.types import Chunk, Line, LineFlag

MARKER_PREFIXES: tuple[str, ...] = ("RAYOS_",)


class ConsoleStream:
    """Chunks in, lines out: a pure function of the chunks, sends and epochs in the order in which they are told.

    :param prefixes: those of the markers; a marker that the harness sent itself is an echo even inside other text.
    """

    def __init__(self, prefixes: Iterable[str] = MARKER_PREFIXES) -> None:
        self._lines = LineAssembler()
        self._echo = EchoMemory(prefixes)

    @property
    def epoch(self) -> int:
        """The boot epoch that lines belong to now."""
        return self._lines.epoch

    @property
    def partial(self) -> Line | None:
        """The line that has not ended (a prompt), flagged PARTIAL; of a long one the last 4 KiB."""
        line = self._lines.partial()
        return line if line is None or not self._echo else self._mark(line)

    @property
    def pending(self) -> int:
        """Bytes since the last line end."""
        return self._lines.pending

    def feed(self, chunk: Chunk) -> list[Line]:
        """The lines that *chunk* completes."""
        return self._marked(self._lines.feed(chunk))

    def sent(self, text: str) -> None:
        """The harness sends (or types) *text* now; told before the chunks that may echo it."""
        self._echo.sent(text)

    def new_epoch(self, number: int | None = None) -> list[Line]:
        """The guest boots again (epoch *number*, default: the next). Returns the old one's last, flagged UNENDED."""
        rest = self.finish()
        self._lines.epoch = self._lines.epoch + 1 if number is None else number
        return rest

    def finish(self) -> list[Line]:
        """The stream is over (or broke off): the unfinished line, flagged UNENDED."""
        return self._marked(self._lines.flush())

    def _marked(self, lines: list[Line]) -> list[Line]:
        return [self._mark(line) for line in lines] if self._echo else lines

    def _mark(self, line: Line) -> Line:
        spans = self._echo.spans(line.text)
        return line._replace(flags=line.flags | LineFlag.ECHO, echo=spans) if spans else line
