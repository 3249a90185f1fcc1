"""Drives a search: verifies both ends, builds and boots what it asks for, lets the runs vote, keeps a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from harness.bisect.evidence import Compare, Parting, Ran, Vote, commonest, medoid, vote
from harness.bisect.journal import SearchJournal
from harness.bisect.search import END_TRIES, ENOUGH, Kind, Result, Search
from harness.bisect.slots import Slots
from harness.bisect.source import Image, Source
from harness.errors import HarnessError, UsageError
from harness.verdicts import Verdict

Play = Callable[[int, Image], Ran]
"""Boots an image and plays the scenario.

:raises HarnessError: if it cannot be played at all.
"""

_GOOD_RUNS = 3  # of the good end where runs may differ: one of them may be a false alarm
_MORE_GOOD = 7  # … if none of those passed, or those that passed were not the same
_TRIES = 3  # of an end that had no vote
_BAD_RUNS = END_TRIES  # of the bad end, until its defect shows
_TOLD = 0.001  # posterior of no commit at all from which on it is told
_APART = 3  # … until one of several differences is the commonest


@dataclass(slots=True)
class Found:
    """What a search came to. `reason` says it where there is no result of the search itself."""

    result: Result
    signature: str = ""
    runs: int = 0  # boots, those of earlier processes too
    without_vote: dict[int, str] = field(default_factory=dict)
    bad: Ran | None = None  # the run that shows the defect at the culprit
    good: Ran | None = None  # and one at its parent
    parting: Parting = field(default_factory=lambda: Parting(""))
    reason: str = ""


class Interrupted(Exception):
    """A run was interrupted by a signal; the search can be resumed."""


class Driver:
    """One search over *source*.

    :param signature: that of the defect; "": that of the first divergence that the bad end shows.
    :param slots: make runs ahead; None: each when it is asked for, by *play*.
    :param say: is told what happens, a line each.
    :param doing: is told (slot, image, "building", "running" or "" for no more) of what is not in one of *slots*.
    """

    def __init__(
        self, source: Source, play: Play, compare: Compare, journal: SearchJournal, *, reproducible: bool,
        signature: str = "", most: int = 300, slots: Slots | None = None, say: Callable[[str], None] = lambda _: None,
        doing: Callable[[int, int, str], None] = lambda *_: None,
    ) -> None:  # fmt: skip
        self._source, self._play, self._compare, self._journal = source, play, compare, journal
        self._reproducible, self._signature = reproducible, signature
        self._say, self._doing = say, doing
        self.search = Search(source.order, source.prior, reproducible=reproducible, most=most)
        self._last = source.order.n
        self._images: dict[int, Image] = {}
        self._earlier: dict[int, list[Ran]] = {}  # runs that the journal tells of and that have not been used yet
        self._ran: dict[int, list[tuple[Ran, Vote]]] = {}
        self._none: dict[int, str] = {}
        self._slots = slots
        self._built: dict[int, Image] = {}  # ahead
        self._errors: dict[int, HarnessError] = {}  # of runs that were made ahead
        self._reference: Ran | None = None
        self._runs = 0

    def find(self) -> Found:
        """Search to the end.

        :raises Interrupted: by a signal.
        :raises HarnessError: for what is not an image's own trouble.
        """
        self._take_up()
        reason = self._verify_ends()
        if reason:
            kind = Kind.NO_VOTE if self._none else Kind.SAME
            return self._ended(Result(kind, 0.0, bad=self._last, good=0), reason)
        while (number := self.search.next()) is not None:
            self._probe(number)
        result = self.search.result()
        if result is None:
            raise HarnessError("the search ended without a result")
        return self._ended(result)

    # ---- both ends -------------------------------------------------------------------------------------------------

    def _verify_ends(self) -> str:
        """Why the search cannot begin, "" if it can."""
        first, last = self._image(0), self._image(self._last)
        for number, image in ((0, first), (self._last, last)):
            if image.file is None:
                self._none[number] = image.reason
                return f"{self.name(number)}: {image.reason}"
        if first.digest == last.digest:
            return "the two ends are the same image, to the byte: does the build use what is checked out?"
        good, why = self._good_end()
        if not good:
            self._none[0] = why
            return f"the good end has no vote: {why}"
        reason = self._bad_end(good)
        if not reason:
            self._count_all(good)
        return reason

    def _good_end(self) -> tuple[list[Ran], str]:
        """Run the good end, and choose the run that others are compared with: one that passed, as most of those did."""
        good, why = self._conclusive(0, 1 if self._reproducible else _GOOD_RUNS)
        if good and not self._reproducible:
            passed = [ran for ran in good if ran.verdict == Verdict.PASS]
            alike = passed and not any(self._parting(passed[0], ran).signature for ran in passed[1:])
            if not alike:
                good += self._conclusive(0, _MORE_GOOD - len(good))[0]
        if good:
            passed = [ran for ran in good if ran.verdict == Verdict.PASS] or good
            self._reference = passed[medoid(passed, self._compare)]
        return good, why

    def _bad_end(self, good: list[Ran]) -> str:
        """Run the bad end until its defect shows, which then has a signature. Why the search cannot begin, or ""."""
        reference = self._reference
        assert reference is not None
        of_good = [self._parting(reference, ran) for ran in good]
        bad: list[tuple[Ran, Parting]] = []
        for count in range(1, (1 if self._reproducible else _BAD_RUNS) + 1):
            ran, why = self._conclusive(self._last, 1)
            if not ran:
                self._none[self._last] = why
                return f"the bad end has no vote: {why}"
            bad.append((ran[0], self._parting(reference, ran[0])))
            more, best = commonest(of_good, [found for _, found in bad], self._signature)
            clear = more > 0 and (len(best) == 1 or self._reproducible)
            if best and (
                clear or count >= _APART
            ):  # what the good end shows as often is a flake: the search will say so
                self._signature = best[0]
                shown = next(found for _, found in bad if self._signature in found.signatures)
                self._say(f"the bad end parts from the good one: {shown.what or shown.signature}")
                self._say(f"  signature    {self._signature}")
                self._count_all(bad_run for bad_run, _ in bad)
                return ""
        others = [found.signature for _, found in bad if found.signature]
        if not others:
            return f"the ends do not differ ({len(bad)} of {len(bad)} runs of the bad one were as the good one's)"
        return f"the bad end does not show {self._signature!r}, but {others[0]!r}"

    def _count_all(self, runs: Iterable[Ran]) -> None:
        """Let the runs of an end vote; what has none there is no reason to give the end up."""
        for ran in runs:
            said = self._vote(ran)
            if said.seen is not None:
                self._count(ran, said)

    def _parting(self, good: Ran, other: Ran) -> Parting:
        return self._compare(Path(good.bundle), Path(other.bundle)) if other is not good else Parting("")

    def _conclusive(self, number: int, count: int) -> tuple[list[Ran], str]:
        """*count* runs of an end that say something of the product, fewer only if none would come; and why not."""
        found: list[Ran] = []
        why = ""
        for _ in range(count + _TRIES - 1):
            ran = self._run(number)
            if ran.conclusive:
                found.append(ran)
            else:
                why = f"{ran.verdict}, {ran.cause}"
                self._say(f"no vote  {self.name(number)}  {why}")
            if len(found) == count:
                break
        return found, why

    # ---- between them ----------------------------------------------------------------------------------------------

    def _probe(self, number: int) -> None:
        image = self._image(number)
        if image.file is None:
            self._without(number, image.reason, for_good=True)
            return
        if self._reproducible:
            for other, runs in self._ran.items():
                if runs and self._images[other].digest == image.digest:
                    self._count(runs[0][0], runs[0][1], number)
                    return
            for other, why in self._none.items():
                if self._images[other].digest == image.digest:
                    self._without(number, why, for_good=True)
                    return
        try:
            ran = self._run(number)
        except UsageError as error:  # the ends could be played: QEMU refuses this image
            self._without(number, error.what, for_good=True)
            return
        self._count(ran, self._vote(ran), number)

    def _vote(self, ran: Ran) -> Vote:
        assert self._reference is not None
        return vote(ran, self._reference, self._signature, self._compare, reproducible=self._reproducible)

    def _count(self, ran: Ran, said: Vote, number: int | None = None) -> None:
        """Let the run vote, for *number* if that is another image with the same bytes."""
        number = ran.image if number is None else number
        if said.seen is None:
            self._without(number, said.reason, for_good=said.for_good)
            return
        self._ran.setdefault(number, []).append((ran, said))
        self.search.observe(number, said.seen)
        self._none.pop(number, None)
        shared = "" if ran.image == number else "  (the same image as another's)"
        why = f"  {said.reason}" if said.reason else ""
        self._say(f"{'bad ' if said.seen else 'good'}     {self.name(number)}{shared}{why}")

    def _without(self, number: int, reason: str, *, for_good: bool) -> None:
        self._none[number] = reason
        self.search.no_vote(number, for_good=for_good)
        self._say(f"no vote  {self.name(number)}  {reason}")

    def _image(self, number: int) -> Image:
        known = self._images.get(number)
        if known is not None:
            return known
        if self._slots is None or self._earlier.get(number):  # an earlier process ran it: there is nothing to wait for
            slot = len(self._slots or ())
            self._doing(slot, number, "building")
            image = self._source.image(number, slot)
            self._doing(slot, number, "")
        else:
            while number not in self._built:
                self._ahead(self._slots, number)
            image = self._built[number]
        for other, one in self._images.items():
            if image.digest and one.digest == image.digest:
                self._say(f"{self.name(number)}: its image is the same as that of {self.name(other)}, to the byte")
                self.search.same(number, other)
        self._images[number] = image
        self._journal.append("image", image=number, name=self._source.names[number], digest=image.digest,
                             reason=image.reason)  # fmt: skip
        return image

    def _run(self, number: int) -> Ran:
        image = self._image(number)
        while True:
            waiting = self._earlier.get(number, [])
            while waiting:
                ran = waiting.pop(0)
                if ran.digest == image.digest:
                    return ran
            if (error := self._errors.pop(number, None)) is not None:
                raise error
            if self._slots is None:
                self._doing(0, number, "running")
                ran = self._play(number, image)
                self._doing(0, number, "")
                self._keep(ran)
            else:
                self._ahead(self._slots, number)

    def _ahead(self, slots: Slots, number: int) -> None:
        """Have *number* built and run, and meanwhile what may be asked for after it; wait for one of them."""
        ready = Counter({image: len(runs) for image, runs in self._earlier.items()})
        ready.update(image for image, built in self._built.items() if built.file is None)
        ready[number] += 1  # as good as
        wanted = [number]
        for image in self.search.ahead(len(slots) + ready.total()):
            if ready[image]:
                ready[image] -= 1
            else:
                wanted.append(image)
        slots.fill(wanted)
        # What was interrupted comes last: it ends this process, and a run that is done is to be kept.
        for image, made in sorted(slots.collect(), key=lambda one: one[1].ran is not None and one[1].ran.interrupted):
            self._built.setdefault(image, made.image)
            if made.error is not None:
                self._errors[image] = made.error
            elif made.ran is not None:
                self._keep(made.ran)

    def _keep(self, ran: Ran) -> None:
        """Put a new run where those are that have not voted yet."""
        if ran.interrupted:
            raise Interrupted
        self._runs += 1
        self._journal.append("run", **asdict(ran))
        self._earlier.setdefault(ran.image, []).append(ran)

    def _take_up(self) -> None:
        """The runs that the journal tells of. The search is a function of them, and asks for them in the same order."""
        for event in self._journal.events:
            if event.kind == "run":
                ran = Ran(**event.data)
                if Path(ran.bundle).is_dir():
                    self._earlier.setdefault(ran.image, []).append(ran)
                    self._runs += 1

    # ---- the end ---------------------------------------------------------------------------------------------------

    def _ended(self, result: Result, reason: str = "") -> Found:
        found = Found(result, self._signature, self._runs, dict(self._none), reason=reason)
        found.bad, found.good = self._example(result.bad, seen=True), self._example(result.good, seen=False)
        if found.bad is not None and found.good is not None:
            found.parting = self._compare(Path(found.good.bundle), Path(found.bad.bundle))
        self._journal.append("bisect.end", result=str(result.kind), posterior=result.posterior,
                             commits=[self._source.names[number] for number in result.commits])  # fmt: skip
        return found

    def _example(self, number: int, *, seen: bool) -> Ran | None:
        runs = self._ran.get(number, [])
        return next((ran for ran, said in runs if said.seen is seen), runs[0][0] if runs else None)

    def name(self, number: int) -> str:
        """An image, for people."""
        return self._source.titles[number]

    def state(self) -> str:
        """How far the search is, in a line."""
        n = self._last
        posterior = self.search.posterior()
        likely = np.sort(posterior[:n])[::-1].cumsum()
        left = int((likely < posterior[:n].sum() * ENOUGH).sum()) + 1
        first = int(posterior[:n].argmax()) + 1
        others = posterior[n:].sum()
        none = f", none of them {others:.1%}" if others >= _TOLD else ""
        best = f"{self.name(first)} {posterior[first - 1]:.1%}"
        return f"{min(left, n)} of {n} commits left; {best}{none}; {self._runs} runs"
