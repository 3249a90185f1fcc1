"""Drives a search: verifies both ends, builds and boots what it asks for, lets the runs vote, keeps a journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.bisect.evidence import Compare, Parting, Ran, Vote, medoid, vote
from harness.bisect.journal import SearchJournal
from harness.bisect.search import Kind, Result, Search
from harness.bisect.source import Image, Source
from harness.errors import HarnessError, UsageError

Play = Callable[[int, Image], Ran]
"""Boots an image and plays the scenario.

:raises HarnessError: if it cannot be played at all.
"""

_GOOD_RUNS = 3  # of the good end where runs may differ: one of them may be a false alarm
_TRIES = 3  # of an end that had no vote
_BAD_RUNS = 12  # of the bad end, until its defect shows


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
    :param say: is told what happens, a line each.
    """

    def __init__(
        self, source: Source, play: Play, compare: Compare, journal: SearchJournal, *, reproducible: bool,
        signature: str = "", most: int = 300, say: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._source, self._play, self._compare, self._journal = source, play, compare, journal
        self._reproducible, self._signature, self._say = reproducible, signature, say
        self.search = Search(source.order, source.prior, reproducible=reproducible, most=most)
        self._last = source.order.n
        self._images: dict[int, Image] = {}
        self._earlier: dict[int, list[Ran]] = {}  # runs that the journal tells of and that have not been used yet
        self._ran: dict[int, list[tuple[Ran, Vote]]] = {}
        self._none: dict[int, str] = {}
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
            kind = Kind.SAME if self._reference is not None and self._last not in self._none else Kind.NO_VOTE
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
                return f"{self._name(number)}: {image.reason}"
        if first.digest == last.digest:
            return "the two ends are the same image, to the byte: does the build use what is checked out?"
        good, why = self._conclusive(0, 1 if self._reproducible else _GOOD_RUNS)
        if not good:
            self._none[0] = why
            return f"the good end has no vote: {why}"
        best = 0 if len(good) == 1 else medoid(good, self._compare)
        self._reference = good.pop(best)
        known = {self._compare(Path(self._reference.bundle), Path(ran.bundle)).signature for ran in good}
        reason = self._bad_end(known)
        if not reason:
            if self._reproducible or not good:
                self._count(self._reference, Vote(False))
            for ran in good:
                self._count(ran, self._vote(ran))
        return reason

    def _bad_end(self, known: set[str]) -> str:
        """Run the bad end until its defect shows, which then has a signature; *known* ones the good end shows too."""
        reference = self._reference
        assert reference is not None
        quiet: list[Ran] = []
        others: list[str] = []
        for _ in range(1 if self._reproducible else _BAD_RUNS):
            ran, why = self._conclusive(self._last, 1)
            if not ran:
                self._none[self._last] = why
                return f"the bad end has no vote: {why}"
            found = self._compare(Path(reference.bundle), Path(ran[0].bundle))
            wanted = {self._signature} if self._signature else {found.signature} - known - {""}
            if wanted & {found.signature, *found.all}:
                self._signature = next(iter(wanted))
                self._say(f"the bad end parts from the good one: {found.what or found.signature}")
                self._say(f"  signature    {self._signature}")
                for one in quiet:
                    self._count(one, Vote(False))
                self._count(ran[0], Vote(True, parting=found))
                return ""
            quiet.append(ran[0])
            others += [found.signature] if found.signature else []
        if not others:
            return f"the ends do not differ ({len(quiet)} of {len(quiet)} runs of the bad one were as the good one's)"
        if self._signature:
            return f"the bad end does not show {self._signature!r}, but {others[0]!r}"
        return f"the ends do not differ: what the bad one shows the good one shows too: {others[0]}"

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
                self._say(f"no vote  {self._name(number)}  {why}")
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
        self._say(f"{'bad ' if said.seen else 'good'}     {self._name(number)}{shared}{why}")

    def _without(self, number: int, reason: str, *, for_good: bool) -> None:
        self._none[number] = reason
        self.search.no_vote(number, for_good=for_good)
        self._say(f"no vote  {self._name(number)}  {reason}")

    def _image(self, number: int) -> Image:
        known = self._images.get(number)
        if known is not None:
            return known
        image = self._source.image(number)
        for other, one in self._images.items():
            if image.digest and one.digest == image.digest:
                self._say(f"{self._name(number)}: its image is the same as that of {self._name(other)}, to the byte")
                self.search.same(number, other)
        self._images[number] = image
        self._journal.append("image", image=number, name=self._source.names[number], digest=image.digest,
                             reason=image.reason)  # fmt: skip
        return image

    def _run(self, number: int) -> Ran:
        image = self._image(number)
        waiting = self._earlier.get(number)
        if waiting and waiting[0].digest == image.digest:
            return waiting.pop(0)
        ran = self._play(number, image)
        if ran.interrupted:
            raise Interrupted
        self._runs += 1
        self._journal.append("run", **asdict(ran))
        return ran

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

    def _name(self, number: int) -> str:
        return self._source.titles[number]
