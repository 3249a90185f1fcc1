"""Compares two streams: boots first, then the markers of each pair of boots, then pictures and how the runs ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from harness.console.safe import safe
from harness.diff import signature as signed
from harness.diff.align import Ints, Span, align, gaps, runs
from harness.diff.boots import pair_boots
from harness.diff.model import Comparison, Difference, Kind, Picture, Row, Stream
from harness.diff.prepared import Numbers, Prepared, prepare
from harness.diff.rules import DEFAULT_RULES, Rules

KEPT = 10_000  # differences that are listed; more are counted
_SLOWER, _SLOWER_MS = 1.5, 20.0  # on a virtual clock; small beside any deadline, large beside what one commit costs
_SHOWN = 120  # characters of a marker in a sentence
_BEFORE, _BEHIND = 4, 8  # markers about the first difference
_TAIL = ("crash", "hang")


class _Found(NamedTuple):
    """A difference before it is put in words; places are those of what is compared. `boot` is a pair's number."""

    boot: int
    at: int  # a + b, which ascends along the alignment
    kind: Kind
    a: int
    b: int
    size: int = 1  # markers in a row
    other: int = 0  # of what is slower: guest microseconds in A …
    more: int = 0  # … and in B
    whole: bool = False  # a boot


def compare(a: Stream, b: Stream, rules: Rules = DEFAULT_RULES) -> Comparison:
    """Where *b* differs from *a*, the run that is held to be right. A pure function of the two.

    Streams that are alike cost O((n + m) log (n + m)); what has nothing to hold on to at most `align.EXACT` / 64 word
    operations a gap, and then the alignment is a best one only within a band.

    :raises harness.errors.UsageError: if a rule's pattern cannot be used.
    """
    numbers = Numbers()
    prefixes = tuple(dict.fromkeys((*a.schema.prefixes, *b.schema.prefixes)))
    return _Comparer(prepare(a, rules, numbers, prefixes), prepare(b, rules, numbers, prefixes), rules).result()


class _Comparer:
    def __init__(self, a: Prepared, b: Prepared, rules: Rules) -> None:
        self._a, self._b, self._rules = a, b, rules
        self._boots = pair_boots(*([side.keys[first:end] for first, end in side.boots] for side in (a, b)))
        self._matched: list[tuple[Ints, Ints]] = []
        self._last: dict[int, int] = {}  # of each pair of boots, the last place of B that is in A

    def result(self) -> Comparison:
        found: list[_Found] = []
        edge = 0, 0  # where a boot that the other run has not would stand in it: behind the last that came before
        for number, (ours, theirs) in enumerate(self._boots):
            found += self._boot(number, edge)
            edge = (
                edge[0] if ours is None else self._a.boots[ours][1],
                edge[1] if theirs is None else self._b.boots[theirs][1],
            )
        pictures = dict(self._pictures())
        found += pictures
        found.sort(key=lambda one: (one.boot, one.at))
        counts: Counter[Kind] = Counter()
        for one in found:
            counts[one.kind] += 1 if one.whole else one.size
        told = [self._told(one, pictures.get(one)) for one in found[:KEPT]]
        if self._other_end():
            counts[Kind.ENDED] += 1
            told.append(self._ended())
        if told:
            told[0] = replace(told[0], signature=self._first_signature(told[0]))
        return Comparison(
            self._a.stream,
            self._b.stream,
            tuple(told),
            dict(counts),
            sum(len(left) for left, _ in self._matched),
            told[0].signature if told else "",
            self._around(found[0] if found else None) if told else (),
        )

    def _around(self, first: _Found | None) -> tuple[Row, ...]:
        """The markers about the first difference, side by side."""
        a, b = self._a, self._b
        i, j = (len(a.places), len(b.places)) if first is None else (first.a, first.b)
        a0, b0 = max(i - _BEFORE, 0), max(j - _BEFORE, 0)
        a1, b1 = min(i + _BEHIND, len(a.places)), min(j + _BEHIND, len(b.places))
        left, right = (side + start for side, start in zip(align(a.keys[a0:a1], b.keys[b0:b1]), (a0, b0), strict=True))
        nothing = left[:0]
        anchors, changed = self._changed(left, right, (a0, a1, b0, b1), nothing, nothing)
        other = set(changed[0].tolist())
        rows: list[Row] = []
        for one, two in [*zip(*(side.tolist() for side in anchors), strict=True), (a1, b1)]:
            rows += [Row(a.place(n), None, "<") for n in range(a0, one)]
            rows += [Row(None, b.place(n), ">") for n in range(b0, two)]
            if one < a1 and two < b1:
                rows.append(Row(a.place(one), b.place(two), "~" if one in other else " "))
            a0, b0 = one + 1, two + 1
        return tuple(rows)

    # ---- one pair of boots -----------------------------------------------------------------------------------------

    def _boot(self, number: int, edge: tuple[int, int]) -> Iterator[_Found]:
        a, b = self._a, self._b
        ours, theirs = self._boots[number]
        if ours is None or theirs is None:
            side, boot = (a, ours) if ours is not None else (b, theirs)
            first, end = side.boots[boot or 0]
            places = (first, edge[1]) if theirs is None else (edge[0], first)
            kind = Kind.MISSING if theirs is None else Kind.EXTRA
            yield _Found(number, -1, kind, *places, end - first, whole=True)
            return
        (a0, a1), (b0, b1) = a.boots[ours], b.boots[theirs]
        left, right = align(a.keys[a0:a1], b.keys[b0:b1])
        left, right = left + a0, right + b0
        self._matched.append((left, right))
        if len(right):
            self._last[number] = int(right[-1])
        missing, extra = _rest(left, a0, a1), _rest(right, b0, b1)
        moved_a, moved_b = self._moved(missing, extra, (a0, a1), (b0, b1))
        anchors, changed = self._changed(left, right, (a0, a1, b0, b1), moved_a, moved_b)
        missing = missing[~np.isin(missing, np.concatenate((moved_a, changed[0])))]
        extra = extra[~np.isin(extra, np.concatenate((moved_b, changed[1])))]
        for i, j in zip(*(side.tolist() for side in changed), strict=True):
            yield _Found(number, i + j, Kind.CHANGED, i, j)
        behind = _Behind(anchors, (a0, a1, b0, b1))
        for i, j in zip(moved_a.tolist(), moved_b.tolist(), strict=True):
            at = min(i + behind(i, 0), j + behind(j, 1))
            yield _Found(number, at, Kind.MOVED, i, j)
        for first, count in runs(missing.tolist()):
            place = behind(first, 0)
            yield _Found(number, first + place, Kind.MISSING, first, place, count)
        for first, count in runs(extra.tolist()):
            place = behind(first, 1)
            kind = Kind.REPEATED if self._repeats(first, count, b0) else Kind.EXTRA
            yield _Found(number, first + place, kind, place, first, count)
        yield from self._slower(number, left, right)

    def _moved(self, missing: Ints, extra: Ints, ours: tuple[int, int], theirs: tuple[int, int]) -> tuple[Ints, Ints]:
        """What is as often in one boot as in the other, in another place."""
        both = np.intersect1d(self._a.keys[missing], self._b.keys[extra])
        if not len(both):
            return missing[:0], extra[:0]
        most = max(int(both[-1]), 0) + 1
        here, there = self._a.keys[slice(*ours)], self._b.keys[slice(*theirs)]
        times_a = np.bincount(here[here < most], minlength=most)
        times_b = np.bincount(there[there < most], minlength=most)
        moved = both[times_a[both] == times_b[both]]
        out = []
        for keys, places in ((self._a.keys, missing), (self._b.keys, extra)):
            mine = places[np.isin(keys[places], moved)]
            out.append(mine[np.argsort(keys[mine], kind="stable")])
        return out[0], out[1]

    def _changed(
        self, left: Ints, right: Ints, span: Span, moved_a: Ints, moved_b: Ints
    ) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
        """All pairs of places that go together, and those among them that are the same event with another value."""
        gone_a, gone_b = np.zeros(span[1] + 1, bool), np.zeros(span[3] + 1, bool)
        gone_a[moved_a], gone_b[moved_b] = True, True
        kept: list[tuple[Ints, Ints]] = []
        for ours, theirs in ((self._a.near, self._b.near), (self._a.heads, self._b.heads)):
            more_a, more_b = [left], [right]
            single, wide = gaps(left, right, span)
            alike = (ours[single[0]] == theirs[single[1]]) & ~gone_a[single[0]] & ~gone_b[single[1]]
            more_a.append(single[0][alike])
            more_b.append(single[1][alike])
            for a0, a1, b0, b1 in wide:
                in_a, in_b = a0 + np.flatnonzero(~gone_a[a0:a1]), b0 + np.flatnonzero(~gone_b[b0:b1])
                one, other = align(ours[in_a], theirs[in_b])
                more_a.append(in_a[one])
                more_b.append(in_b[other])
            kept.append((np.concatenate([*more_a[1:], left[:0]]), np.concatenate([*more_b[1:], right[:0]])))
            left, right = np.concatenate(more_a), np.concatenate(more_b)
            order = np.argsort(left)
            left, right = left[order], right[order]
        return (left, right), (np.concatenate([k[0] for k in kept]), np.concatenate([k[1] for k in kept]))

    def _repeats(self, first: int, count: int, start: int) -> bool:
        """Whether so many markers of B are those right before them over again."""
        keys = self._b.keys
        if first - count >= start and bool((keys[first - count : first] == keys[first : first + count]).all()):
            return True  # once more
        return first > start and bool((keys[first : first + count] == keys[first - 1]).all())  # one, several times

    def _slower(self, number: int, left: Ints, right: Ints) -> Iterator[_Found]:
        steady = self._a.stream.steady and self._b.stream.steady
        asked = self._rules.slower is not None or self._rules.slower_ms is not None
        ratio = _SLOWER if self._rules.slower is None else self._rules.slower
        least = (_SLOWER_MS if self._rules.slower_ms is None else self._rules.slower_ms) * 1000
        if not ratio or not (steady or asked):
            return
        known = (self._a.times[left] >= 0) & (self._b.times[right] >= 0)
        left, right = left[known], right[known]
        took_a = np.diff(self._a.times[left], prepend=0)
        took_b = np.diff(self._b.times[right], prepend=0)
        for at in np.flatnonzero((took_b > took_a * ratio) & (took_b - took_a >= max(least, 1))).tolist():
            i, j = int(left[at]), int(right[at])
            yield _Found(number, i + j, Kind.SLOWER, i, j, 1, int(took_a[at]), int(took_b[at]))

    # ---- pictures and the end --------------------------------------------------------------------------------------

    def _pictures(self) -> Iterator[tuple[_Found, tuple[Picture, Picture]]]:
        """Frames of the same name with other pixels, where the runs should be the same to the pixel."""
        if not (self._a.stream.steady and self._b.stream.steady):
            return
        theirs: dict[tuple[str, int], Picture] = {}
        seen: Counter[str] = Counter()
        for picture in self._b.stream.pictures:
            theirs[picture.name, seen[picture.name]] = picture
            seen[picture.name] += 1
        seen.clear()
        for picture in self._a.stream.pictures:
            other = theirs.get((picture.name, seen[picture.name]))
            seen[picture.name] += 1
            if other is not None and other.digest != picture.digest:
                i, j = (_index(side, p.offset) for side, p in ((self._a, picture), (self._b, other)))
                boot = self._b.boot_of(max(j - 1, 0))
                number = next((n for n, pair in enumerate(self._boots) if pair[1] == boot), 0)
                yield _Found(number, i + j, Kind.PICTURE, i, j), (picture, other)

    def _other_end(self) -> bool:
        ours, theirs = self._a.stream.ending, self._b.stream.ending
        return (ours and (ours.kind, ours.signature)) != (theirs and (theirs.kind, theirs.signature))

    def _ended(self) -> Difference:
        ours, theirs = self._a.stream.ending, self._b.stream.ending
        texts = [f"{ending.kind}: {ending.text}" if ending else "no failure" for ending in (ours, theirs)]
        line = f"{theirs.kind}: {theirs.signature}" if theirs else f"no {ours.kind if ours else ''}"
        boots = tuple(len(side.boots) - 1 if side.boots else None for side in (self._a, self._b))
        ends = len(self._a.stream.markers), len(self._b.stream.markers)
        return Difference(
            Kind.ENDED, *ends, 1, f"A ended with {texts[0]}; B with {texts[1]}", line, (boots[0], boots[1])
        )

    # ---- in words --------------------------------------------------------------------------------------------------

    def _told(self, one: _Found, pictures: tuple[Picture, Picture] | None) -> Difference:
        what, line = self._words(one, pictures)
        places = self._a.place(one.a), self._b.place(one.b)
        return Difference(one.kind, *places, one.size, what, line, self._boots[one.boot], pictures)

    def _words(self, one: _Found, pictures: tuple[Picture, Picture] | None) -> tuple[str, str]:
        """A sentence and a signature."""
        a, b, kind = self._a, self._b, one.kind
        if one.whole:
            pair = self._boots[one.boot]
            number = (pair[0] if pair[0] is not None else pair[1] or 0) + 1
            run = "A, not in B" if kind is Kind.MISSING else "B, not in A"
            return f"boot {number} ({_plural(one.size)}) is in {run}", f"{kind} boot"
        if pictures is not None:
            name = safe(pictures[0].name, _SHOWN)
            return f"the pixels of {name}", f"{kind} {signed.words(name)}"
        if kind is Kind.CHANGED:
            ours, theirs = a.form(one.a), b.form(one.b)
            told = ", ".join(_field(*field) for field in signed.changed_fields(ours, theirs))
            return f"{told or 'text'}: {self._text(a, one.a)}", f"{kind} {signed.changes(ours, theirs)}"
        if kind is Kind.SLOWER:
            took = f"after {one.more / 1000:.3f} ms of guest time, in A after {one.other / 1000:.3f} ms"
            return f"{self._text(b, one.b)} came {took}", f"{kind} {signed.event(b.form(one.b))}"
        if kind is Kind.MOVED:
            what = f"{self._text(a, one.a)} came in another place"
            return what, f"{kind} {signed.event(a.form(one.a))}"
        side, at = (a, one.a) if kind is Kind.MISSING else (b, one.b)
        text, name = self._text(side, at), signed.event(side.form(at))
        more = f" and {_plural(one.size - 1)} behind it" if one.size > 1 else ""
        if kind is Kind.MISSING:
            instead = self._instead(b, one.b, self._boots[one.boot][1])
            return f"{text}{more}; instead {instead[0]}", f"{kind} {name}, instead {instead[1]}"
        if kind is Kind.REPEATED:
            return f"{text}{more} once more", f"{kind} {name}"
        instead = self._instead(a, one.a, self._boots[one.boot][0])
        return f"{text}{more}, before {instead[0]}", f"{kind} {name}, before {instead[1]}"

    def _instead(self, side: Prepared, at: int, boot: int | None) -> tuple[str, str]:
        if boot is not None and at < side.boots[boot][1]:
            return self._text(side, at), signed.event(side.form(at))
        return ("the end of the boot", "the end") if at < len(side.places) else ("nothing more", "the end")

    def _text(self, side: Prepared, at: int) -> str:
        return safe(side.stream.markers[side.place(at)].text, _SHOWN)

    def _first_signature(self, first: Difference) -> str:
        """Of the first difference; where B crashed or hung and never came back to what A did, the crash is the line."""
        ending = self._b.stream.ending
        if ending is None or ending.kind not in _TAIL or not self._other_end() or first.kind is Kind.ENDED:
            return first.signature
        number = self._boots.index(first.boot) if first.boot in self._boots else -1
        last = self._last.get(number, -1)
        again = last >= 0 and self._b.place(last) >= first.b
        if again or (self._b.boots and first.boot[1] != len(self._b.boots) - 1):
            return first.signature
        if ending.kind == "hang":  # where it hung tells more than how
            return f"hang, {first.signature}"
        return f"{ending.kind}: {ending.signature}"


def _rest(matched: Ints, first: int, end: int) -> Ints:
    """The places from *first* to *end* that are not matched."""
    free = np.ones(end - first, bool)
    free[matched - first] = False
    return np.flatnonzero(free) + first


class _Behind:
    """`behind(place, side)`: where in the other run what stands alone at *place* would be.

    What is missing: right behind its predecessor's partner. What is extra: right before its successor's.
    """

    def __init__(self, anchors: tuple[Ints, Ints], span: Span) -> None:
        self._anchors, self._span = anchors, span

    def __call__(self, place: int, side: int) -> int:
        mine, others = self._anchors[side], self._anchors[1 - side]
        at = int(np.searchsorted(mine, place))
        if side == 0:
            return int(others[at - 1]) + 1 if at else self._span[2]
        return int(others[at]) if at < len(others) else self._span[1]


def _index(side: Prepared, offset: int) -> int:
    """How many of what is compared was printed before a place in the serial log."""
    markers = side.stream.markers
    low, high = 0, len(side.places)
    while low < high:
        middle = (low + high) // 2
        if markers[side.place(middle)].offset < offset:
            low = middle + 1
        else:
            high = middle
    return low


def _field(name: str, was: str, now: str) -> str:
    called = f"field {name}" if name.isdecimal() else safe(name, 40)
    return f"{called} {safe(was, 60) or '(none)'} -> {safe(now, 60) or '(none)'}"


def _plural(count: int) -> str:
    return f"{count} marker{'' if count == 1 else 's'}"
