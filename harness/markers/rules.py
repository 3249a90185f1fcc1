"""Stream rules: order, pairing, lives of ids, counts, values. Incremental, bounded, one boot epoch at a time.

Which rules there are is data in the schema. A marker that decides nothing alone breaks no rule; one that was
re-joined still counts as seen, so that a torn CLIENT_DESTROYED does not leave a client unpaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from harness.errors import UsageError
from harness.markers.resolve import Resolver
from harness.markers.schema import Count, Family, Life, Order, Pair, Rule, Schema
from harness.markers.types import Marker, MarkerFlag, Value

IDS = 65_536  # ids that a rule follows at once; more in one boot is a leak or noise
_LISTED = 10  # unpaired ids that are reported one by one
_UNSEEN = MarkerFlag.ECHO | MarkerFlag.TORN | MarkerFlag.DAMAGED | MarkerFlag.PROSE | MarkerFlag.AGAIN


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken. `marker` is the one that broke it; None where one is missing."""

    rule: str  # order, pair, repeat, life, count, schema or capacity
    what: str  # a sentence: what came or is missing, and what was expected
    marker: Marker | None
    line: int  # where it came, or where the one came that still waits for its partner
    epoch: int


class RuleSet:
    """The rules of some families of a schema, all of them by default.

    :raises harness.errors.UsageError: for a family that the schema does not know.
    """

    def __init__(self, schema: Schema, families: Iterable[str] | None = None) -> None:
        names = list(schema.families) if families is None else list(families)
        for name in names:
            if name not in schema.families:
                raise UsageError(
                    f"there are no rules for the marker family {name!r}", f"known are {', '.join(schema.families)}"
                )
        self._resolver = Resolver(schema)
        self._families = {name: schema.families[name] for name in names}
        self._states: dict[str, _FamilyState] = {}
        self._epoch: int | None = None

    def feed(self, marker: Marker) -> list[Violation]:
        """What *marker* breaks."""
        out = self.new_epoch() if self._epoch is not None and marker.epoch != self._epoch else []
        self._epoch = marker.epoch
        if marker.family not in self._families or marker.flags & _UNSEEN:
            return out
        state = self._states.get(marker.family)
        if state is None:
            state = self._states[marker.family] = _FamilyState(marker.family, self._families[marker.family])
        broken = [
            Violation("schema", what, marker, marker.line, marker.epoch) for what in self._resolver.problems(marker)
        ]
        broken += state.feed(marker)
        return out if MarkerFlag.REJOINED in marker.flags else out + broken

    def new_epoch(self) -> list[Violation]:
        """The guest boots again: what the old boot left open, as `finish` does; then everything starts from nothing."""
        out = self.finish()
        self._states.clear()
        self._epoch = None
        return out

    def finish(self) -> list[Violation]:
        """What is still open or missing now that no more will come."""
        return [violation for state in self._states.values() for violation in state.finish(self._epoch or 0)]


class _State(Protocol):
    """One rule's memory."""

    def feed(self, marker: Marker) -> Iterator[Violation]: ...

    def session(self, marker: Marker, *, begins: bool) -> Iterator[Violation]:
        """A session of the family begins before, or ends after, *marker*."""
        ...

    def finish(self, epoch: int) -> Iterator[Violation]: ...


class _FamilyState:
    """All rules of one family in one boot."""

    def __init__(self, name: str, family: Family) -> None:
        orders = [rule for rule in family.rules if isinstance(rule, Order)]
        self._order = _OrderState(name, orders[0]) if orders else None
        self._states: list[_State] = [
            _state(name, rule, bool(orders)) for rule in family.rules if not isinstance(rule, Order)
        ]

    def feed(self, marker: Marker) -> list[Violation]:
        out: list[Violation] = []
        order = self._order
        if order is not None:
            out += order.feed(marker)
            if order.began:
                out += [v for state in self._states for v in state.session(marker, begins=True)]
        out += [v for state in self._states for v in state.feed(marker)]
        if order is not None and order.ended:
            out += [v for state in self._states for v in state.session(marker, begins=False)]
        return out

    def finish(self, epoch: int) -> list[Violation]:
        states: list[_State] = [*self._states] if self._order is None else [self._order, *self._states]
        return [violation for state in states for violation in state.finish(epoch)]


class _OrderState:
    """`began` and `ended` tell whether the marker just fed opened or closed a session."""

    def __init__(self, family: str, rule: Order) -> None:
        self.began = self.ended = False
        self._family = family
        self._rule = rule
        self._open: Marker | None = None
        self._last: Marker | None = None
        self._told = False  # that something came outside a session: once until the next one begins

    def feed(self, marker: Marker) -> Iterator[Violation]:
        rule, event = self._rule, marker.event
        self.began = self.ended = False
        if event == rule.first:
            if self._open is not None:
                if event in rule.anytime:
                    return
                yield _violation(
                    "order",
                    f"{marker.text} came before the {rule.first} of line {self._open.line} had its {rule.last}",
                    marker,
                )
            self._open, self.began, self._told = marker, True, False
        elif event in rule.anytime:
            return
        elif self._open is None:
            if self._told:
                return
            self._told = True
            place = (
                f"before any {rule.first}"
                if self._last is None
                else f"after {self._last.text} (line {self._last.line})"
            )
            yield _violation("order", f"{marker.text} came {place}: a {rule.first} was expected first", marker)
        elif event == rule.last:
            self._open, self._last, self.ended = None, marker, True

    def session(self, marker: Marker, *, begins: bool) -> Iterator[Violation]:
        yield from ()

    def finish(self, epoch: int) -> Iterator[Violation]:
        if self._open is not None and self._rule.last:
            yield Violation(
                "pair",
                f"{self._open.text} (line {self._open.line}) was never followed by {self._rule.last}",
                None,
                self._open.line,
                epoch,
            )


class _PairState:
    def __init__(self, family: str, rule: Pair) -> None:
        self._family = family
        self._rule = rule
        self._open: dict[Value, Marker] = {}
        self._finished: set[Value] = set()
        self._full = False

    def feed(self, marker: Marker) -> Iterator[Violation]:
        rule = self._rule
        if self._full or marker.event not in {rule.open, rule.close}:
            return
        key = _key(marker, rule.key)
        if key is None:
            return  # its schema violation says so
        if marker.event == rule.open:
            if key in self._open:
                yield _violation(
                    "pair", f"{marker.text} came again before the {rule.close} for line {self._open[key].line}", marker
                )
            elif key in self._finished and not rule.reuse and rule.key:
                yield _violation("repeat", f"{marker.text} names an id that is finished already", marker)
            self._open[key] = marker
        elif key in self._open:
            del self._open[key]
            self._finished.add(key)
        else:
            known = "is finished already" if key in self._finished else f"has had no {rule.open}"
            yield _violation("pair", f"{marker.text} came, but {_named(rule.key, key)} {known}", marker)
        if len(self._open) + len(self._finished) > IDS:
            self._full = True
            yield _violation(
                "capacity",
                f"{self._family}: more than {IDS} ids; {rule.open} and {rule.close} are not paired any more",
                marker,
            )

    def session(self, marker: Marker, *, begins: bool) -> Iterator[Violation]:
        if begins:
            self._finished.clear()
        yield from ()

    def finish(self, epoch: int) -> Iterator[Violation]:
        if self._full:
            return
        for count, marker in enumerate(self._open.values()):
            if count == _LISTED:
                more = f"{len(self._open) - _LISTED} more {self._family}:{self._rule.open}"
                yield Violation("pair", f"and {more} had no {self._rule.close}", None, marker.line, epoch)
                return
            what = f"{marker.text} (line {marker.line}) had no {self._rule.close}"
            yield Violation("pair", what, None, marker.line, epoch)


class _LifeState:
    def __init__(self, family: str, rule: Life) -> None:
        self._family = family
        self._rule = rule
        self._alive: set[Value] = set()
        self._full = False

    def feed(self, marker: Marker) -> Iterator[Violation]:
        rule = self._rule
        if self._full:
            return
        key = _key(marker, rule.key)
        if key is None:
            return
        if marker.event == rule.open:
            self._alive.add(key)
            if len(self._alive) > IDS:
                self._full = True
                yield _violation(
                    "capacity", f"{self._family}: more than {IDS} ids; {rule.open} is not followed any more", marker
                )
        elif marker.event == rule.close:
            self._alive.discard(key)
        elif marker.event in rule.events and key not in self._alive:
            yield _violation(
                "life", f"{marker.text} speaks of {_named(rule.key, key)}, which no {rule.open} has named", marker
            )

    def session(self, marker: Marker, *, begins: bool) -> Iterator[Violation]:
        yield from ()

    def finish(self, epoch: int) -> Iterator[Violation]:
        yield from ()


class _CountState:
    def __init__(self, family: str, rule: Count, in_sessions: bool) -> None:
        self._family = family
        self._rule = rule
        self._in_sessions = in_sessions
        self._count = 0
        self._want: Value | None = None

    def feed(self, marker: Marker) -> Iterator[Violation]:
        if marker.event != self._rule.event:
            return
        self._count += 1
        most = self._rule.max if self._want is None or isinstance(self._want, str) else self._want
        if most is not None and self._count == most + 1:  # once; each further one says nothing new
            yield _violation("count", f"{marker.text} is one {self._rule.event} too many: {most} expected", marker)

    def session(self, marker: Marker, *, begins: bool) -> Iterator[Violation]:
        if begins:
            self._count = 0
            self._want = marker.values.get(self._rule.equals)
        else:
            yield from self._check(marker, marker.line, marker.epoch)
            self._count, self._want = 0, None

    def finish(self, epoch: int) -> Iterator[Violation]:
        if not self._in_sessions:
            yield from self._check(None, 0, epoch)

    def _check(self, marker: Marker | None, line: int, epoch: int) -> Iterator[Violation]:
        least = self._rule.min if self._want is None or isinstance(self._want, str) else self._want
        if self._count < least:
            what = f"{self._family}:{self._rule.event} came {self._count} times, {least} expected"
            yield Violation("count", what, marker, line, epoch)


def _state(family: str, rule: Rule, in_sessions: bool) -> _State:
    if isinstance(rule, Pair):
        return _PairState(family, rule)
    if isinstance(rule, Life):
        return _LifeState(family, rule)
    if isinstance(rule, Count):
        return _CountState(family, rule, in_sessions)
    return _OrderState(family, rule)


def _key(marker: Marker, names: tuple[str, ...]) -> Value | None:
    """The id in a marker: its first field that has one of *names*; a pair without ids has the one id `""`."""
    if not names:
        return ""
    return next((marker.values[name] for name in names if name in marker.values), None)


def _named(names: tuple[str, ...], key: Value) -> str:
    return f"{names[-1]} {key}" if names else "it"


def _violation(rule: str, what: str, marker: Marker) -> Violation:
    return Violation(rule, what, marker, marker.line, marker.epoch)
