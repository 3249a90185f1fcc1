"""Lines in, markers out. Keeps only what spans lines: a torn marker, repeats from another sink, the seals' sequence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from harness.console.types import Line, LineFlag
from harness.markers.dialects import convert, is_tail, key_values
from harness.markers.grammar import LOOK_BACK, Grammar, Piece
from harness.markers.resolve import Resolver
from harness.markers.schema import PLAN, Schema
from harness.markers.seal import seal_ok
from harness.markers.types import NO_VALUES, Dialect, Marker, MarkerFlag, Value

_PATIENCE = 3  # whole markers that an interrupt handler may print before the rest of the torn one comes
_REMEMBERED = 256  # marker texts of each of two generations, to tell a repeat from another sink
_FAMILIES = 256  # sealed families that are remembered
_REST = re.compile(r"[A-Za-z0-9_:=#.,+*/-]+")  # what the rest of a torn marker starts with
_KMSG_LINE = re.compile(r"(?:<[0-9]{1,3}>)?\[ *[0-9]+\.[0-9]+\]")


class _Torn(NamedTuple):
    """The first part of a marker whose rest may come."""

    head: str
    line: Line
    offset: int
    fallback: Marker | None  # what it is if nothing comes
    free: bool  # its end is free text: any rest may be its rest
    next_line: bool  # its line was cut: the next line is its rest, whatever that is
    patience: int


class MarkerParser:
    """A pure function of the lines it is fed, whole ones only, in order.

    `lost` counts the sealed markers whose sequence numbers never came, over all boot epochs.

    :param schema: gives events and values their names and types.
    :param prefixes: instead of the schema's.
    """

    def __init__(self, schema: Schema = PLAN, prefixes: Iterable[str] | None = None) -> None:
        self.grammar = Grammar(schema.prefixes if prefixes is None else prefixes)
        self.lost = 0
        self._resolver = Resolver(schema)
        self._epoch = 0
        self._torn: _Torn | None = None
        self._next_seq = 0
        self._sealed: set[str] = set()
        self._sinks: tuple[dict[str, list[int]], dict[str, list[int]]] = ({}, {})

    @property
    def waiting(self) -> bool:
        """Whether the next line matters even if no marker is in it."""
        return self._torn is not None

    def feed(self, line: Line) -> list[Marker]:
        """The markers that *line* completes. A torn one comes with the line that brings its rest, or does not."""
        out = self._new_epoch(line.epoch) if line.epoch != self._epoch else []
        text = line.text
        if self._torn is None:
            found = self.grammar.found_in(text)
            if found and line.flags is LineFlag.NONE:
                time = self.grammar.kmsg.match(text) if text[0] in "[<" else None
                start = time.end() if time is not None and time.end() <= LOOK_BACK else 0
                simple = self.grammar.simple.match(text, start)
                if simple is not None and not self.grammar.found_in(text, start + 1):
                    out.append(self._simple(simple, line, start))
                    return out
            if not found:
                if line.flags is not LineFlag.NONE and LineFlag.CUT in line.flags:
                    self._cut_in_prefix(line, text, 0)
                return out
            self._pieces(self.grammar.pieces(text), line, text, 0, out)
            return out
        self._continue(self._torn, line, out)
        return out

    def finish(self) -> list[Marker]:
        """The stream is over: a torn marker that is still waiting for its rest, as it is."""
        torn, self._torn = self._torn, None
        return [] if torn is None or torn.fallback is None else [torn.fallback]

    def _new_epoch(self, epoch: int) -> list[Marker]:
        out = self.finish()
        self._epoch = epoch
        self._next_seq = 0
        self._sealed.clear()
        self._sinks = ({}, {})
        return out

    # ---- torn markers ----------------------------------------------------------------------------------------------

    def _continue(self, torn: _Torn, line: Line, out: list[Marker]) -> None:
        """Take a line while a marker waits for its rest."""
        text = line.text
        self._torn = None
        joined = torn.head + text
        if torn.next_line or self._is_rest(torn, text):
            pieces = self.grammar.pieces(joined)
            if pieces and pieces[0].start <= 1:
                self._pieces(pieces, line, joined, len(torn.head), out, torn)
                return
        pieces = self.grammar.pieces(text)
        if torn.patience and pieces and not text[: pieces[0].unit] and not any(p.broken for p in pieces):
            self._torn = torn._replace(patience=torn.patience - 1)
        elif torn.fallback is not None:
            out.append(torn.fallback)
        self._pieces(pieces, line, text, 0, out)

    def _is_rest(self, torn: _Torn, text: str) -> bool:
        if torn.fallback is None:
            return any(
                prefix.startswith(torn.head) and text.startswith(prefix[len(torn.head) :])
                for prefix in self.grammar.prefixes
            )
        if not text or (is_tail(text) and text[0].isspace()):
            return True
        if text[0] in "[<" and _KMSG_LINE.match(text):
            return False
        if torn.free:
            return bool(text.strip())
        start = _REST.match(text)
        if start is None or any(text.startswith(prefix) for prefix in self.grammar.prefixes):
            return False
        behind = text[start.end() :].strip()
        path = ":" in start[0][:-1]  # what a sentence's first word has at most at its end
        return not behind or path or is_tail(behind) or behind.startswith("]") or self.grammar.found_in(text)

    def _cut_in_prefix(self, line: Line, text: str, shift: int) -> None:
        """A line cut by its length may end in the middle of a prefix."""
        fragment = self.grammar.fragment(text)
        if fragment:
            start = len(text) - len(fragment)
            self._torn = _Torn(fragment, line, _offset(line, start - shift), None, False, False, 0)

    # ---- markers of a line -----------------------------------------------------------------------------------------

    def _pieces(
        self, pieces: list[Piece], line: Line, text: str, shift: int, out: list[Marker], rejoined: _Torn | None = None
    ) -> None:
        """Deliver the pieces of *text*, of which the first *shift* characters belong to an earlier line."""
        held: _Torn | None = None
        ordinary = line.flags is LineFlag.NONE
        for index, piece in enumerate(pieces):
            last = index + 1 == len(pieces)
            whole = last and piece.open_end and not ordinary and LineFlag.CUT in line.flags
            first = rejoined if index == 0 else None
            offset = first.offset if first else _offset(line, piece.start - shift)
            marker = self._marker(piece, line, first, offset, shift)
            if not (piece.broken or whole):
                if last and piece.open_end and not ordinary and LineFlag.UNENDED in line.flags:
                    marker = _flagged(marker, MarkerFlag.TORN)
                out.append(marker)
                continue
            embedded = piece.broken and index + 1 < len(pieces) and MarkerFlag.PROSE in pieces[index + 1].flags
            if not (embedded and piece.body[-1:] in ":=\"'`(<{"):
                marker = _flagged(marker, MarkerFlag.TORN)
            if held is None and self._torn is None:
                free = piece.dialect is Dialect.FREETEXT or self._resolver.takes_text(piece.family, piece.tokens)
                held = _Torn(piece.body, first.line if first else line, offset, marker, free, whole, _PATIENCE)
            else:
                out.append(marker)
        if held is not None:
            self._torn = held
        elif self._torn is None:
            self._broken_prefix(pieces, line, text, shift)

    def _broken_prefix(self, pieces: list[Piece], line: Line, text: str, shift: int) -> None:
        """The first part of a prefix, then a marker in the middle of it: `RAYORAYOS_KBD_ASCII=0x61`."""
        if pieces and pieces[0].unit > 0:
            fragment = self.grammar.fragment(text[: pieces[0].unit])
            if fragment:
                offset = _offset(line, pieces[0].unit - len(fragment) - shift)
                self._torn = _Torn(fragment, line, offset, None, False, False, _PATIENCE)
                return
        if line.flags is not LineFlag.NONE and LineFlag.CUT in line.flags:
            self._cut_in_prefix(line, text, shift)

    def _marker(self, piece: Piece, line: Line, torn: _Torn | None, offset: int, shift: int) -> Marker:
        tail = key_values(piece.tail) if piece.tail else {}
        meaning = self._resolver.meaning(piece.family, piece.tokens, piece.dialect, tail, piece.text)
        flags = piece.flags
        if torn is not None:
            flags |= MarkerFlag.REJOINED
        if line.echo and any(start <= piece.start - shift < end for start, end in line.echo):
            flags |= MarkerFlag.ECHO
        if piece.seq is not None:
            if MarkerFlag.DAMAGED not in flags:
                self._sequence(piece.seq, piece.family, late=torn is not None)
        elif piece.family in self._sealed:
            flags |= MarkerFlag.DAMAGED  # the boot seals this family: the seal was lost on the way
        if self._again(piece.text, piece.kmsg):
            flags |= MarkerFlag.AGAIN
        return Marker(
            piece.text,
            piece.family,
            piece.tokens,
            meaning.event,
            meaning.args,
            meaning.values,
            piece.dialect,
            flags,
            piece.seq,
            torn.line.number if torn else line.number,
            line.epoch,
            offset,
            line.host_ns,
        )

    def _simple(self, match: re.Match[str], line: Line, start: int) -> Marker:
        """A line that is one marker without anything special but the kernel's time in front: what most of them are, so
        made to be fast."""
        family, path, word, seq, crc = match.groups()
        text = line.text[start:]
        flags = MarkerFlag.NONE
        number: int | None = None
        if seq is not None:
            text, number = text[:-7], int(seq, 16)
            if seal_ok(text, seq, crc):
                self._sequence(number, family, late=False)
            else:
                flags = MarkerFlag.DAMAGED
        elif self._sealed and family in self._sealed:
            flags = MarkerFlag.DAMAGED
        if self._again(text, kmsg=start > 0):
            flags |= MarkerFlag.AGAIN
        event = ""
        tokens: tuple[str, ...] = ()
        args: tuple[str, ...] = ()
        values: Mapping[str, Value] = NO_VALUES
        if path is not None:
            dialect = Dialect.PLAN
            tokens = tuple(path[1:].split(":"))
            event, args, values = self._resolver.plain_meaning(family, tokens)
        elif word is not None:
            dialect, values = Dialect.ASSIGN, {"value": convert(word)}
        else:
            dialect = Dialect.BARE
        place = (line.number, line.epoch, _offset(line, start) if start else line.offset, line.host_ns)
        return Marker(text, family, tokens, event, args, values, dialect, flags, number, *place)

    # ---- what spans the boot ---------------------------------------------------------------------------------------

    def _sequence(self, seq: int, family: str, *, late: bool) -> None:
        """Count what is missing before *seq*. One from behind is a repeat, or (*late*) was torn and counted."""
        if len(self._sealed) < _FAMILIES:
            self._sealed.add(family)
        gap = (seq - self._next_seq) & 0xFFFF
        if gap < 0x8000:
            self.lost += gap
            self._next_seq = (seq + 1) & 0xFFFF
        elif late and self.lost:
            self.lost -= 1

    def _again(self, text: str, kmsg: bool) -> bool:
        """Whether this is the other sink's copy: it came from this one no more often than from the other."""
        recent, older = self._sinks
        counts = recent.get(text)
        if counts is None:
            if len(recent) >= _REMEMBERED:
                recent, older = {}, recent
                self._sinks = (recent, older)
            counts = recent[text] = older.get(text, [0, 0])
        counts[kmsg] += 1
        return counts[kmsg] <= counts[not kmsg]


def _flagged(marker: Marker, flag: MarkerFlag) -> Marker:
    return marker._replace(flags=marker.flags | flag)


def _offset(line: Line, position: int) -> int:
    """Stream offset of a place in the line's text; of the line's start where text and bytes differ in length."""
    return line.offset + position if len(line.text) == len(line.raw) else line.offset
