"""A campaign: many scenarios, some of them several times, several at once, in a journal that survives the harness.

Every run is begun in the journal before its evidence exists and ended there after it is judged, so that whoever takes
the campaign up again knows which runs are done, which were torn, and which have yet to come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.campaign.batch import play, request, require_images
from harness.campaign.pool import Job, Played, Worker
from harness.campaign.repeats import Agreement, agree
from harness.campaign.slots import Slots, cores, weight
from harness.engine.interrupts import end_what_is_under_way, interruptions
from harness.engine.options import BatchOptions, Planned
from harness.engine.run import RunOutcome
from harness.errors import HarnessError
from harness.evidence.bundle import Bundle
from harness.evidence.campaign import CampaignJournal, Unit
from harness.judge.torn import bury, finished
from harness.judge.verdict import RunVerdict
from harness.targets.runtime import sweep
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.engine.waits import Deadline

_FINAL = frozenset({Verdict.PASS, Verdict.NOTHING_CHECKED})  # another try would say nothing else


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scenario; `fresh` if this process played it, and not one before it."""

    outcome: RunOutcome
    fresh: bool = True
    unwritten: list[tuple[Path, str]] | None = None  # pages; None: nobody has written them yet


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What came of one scenario: its runs in order, none for a skipped one, and what they say together.

    `unplayed`: why it has none although it is not skipped.
    """

    planned: Planned
    runs: tuple[Run, ...] = ()
    agreement: Agreement | None = None
    unplayed: str = ""


@dataclass(slots=True)
class CampaignResult:
    """What came of a campaign, in the order of its scenarios; those that an interruption kept from it are missing."""

    results: list[ScenarioResult] = field(default_factory=list)
    interrupted: bool = False
    expired: bool = False  # its deadline passed
    error: HarnessError | None = None  # what ended it before its last scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignOptions:
    """How to play it.

    :param turns: how often each scenario is played, 0 for one that is skipped.
    :param retries: how often a scenario that is played once is played again while it does not pass.
    :param jobs: runs at once; with more than one each is in a worker process of *worker*, the name of a module.
        Of guests in real time there are no more than there are cores for.
    :param deadline: of the whole: then what is under way is ended, and what was not played has not passed.
    """

    batch: BatchOptions
    turns: Sequence[int]
    retries: int = 0
    jobs: int = 1
    deadline: Deadline | None = None
    worker: str = ""
    journal: CampaignJournal | None = None
    on_result: Callable[[ScenarioResult], None] | None = None  # in the order of the scenarios
    on_begin: Callable[[Unit, Planned], None] | None = None  # for progress displays
    on_end: Callable[[Unit, str], None] | None = None  # with the verdict, "" if there is none


async def run_campaign(planned: Sequence[Planned], options: CampaignOptions) -> CampaignResult:
    """Play what has not been played yet. A signal ends it after the runs that it hit, an error before the next run.

    :raises HarnessError: as `play`, if no scenario was finished before. Later it is the result's `error`.
    """
    return await _Campaign(planned, options).play()


class _Campaign:
    def __init__(self, planned: Sequence[Planned], options: CampaignOptions) -> None:
        self._planned = planned
        self._options = options
        self._journal = options.journal
        self._done: dict[Unit, Run] = {}
        self._interrupted: set[int] = set()  # scenarios of which a run was interrupted
        self._errors: list[tuple[Unit, HarnessError]] = []
        self._result = CampaignResult()
        self._told = 0  # scenarios whose result was told
        self._workers: list[Worker] = []
        self._signal: str | None = None
        self._turns = list(options.turns)  # with those that are played again
        self._slots = Slots([], [], 0)

    async def play(self) -> CampaignResult:
        require_images(self._planned, self._options.batch)
        if self._journal is not None:
            self._take_up(self._journal)
        with interruptions(self._stop, self._hurry if self._options.jobs > 1 else None):
            self._tell()
            most = cores()
            weights = [weight(item, most) for item in self._planned]
            self._slots = Slots(self._units(), weights, most)
            tasks = [asyncio.create_task(self._slot()) for _ in range(self._options.jobs)]
            alarm = self._alarm()
            try:
                await asyncio.gather(*tasks)
            finally:
                if alarm is not None:
                    alarm.cancel()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if self._errors and not self._done and not self._result.results:
                raise self._error
            self._tell_rest()
        self._result.interrupted = self._signal is not None
        if self._errors:
            self._result.error = self._error
        return self._result

    # ---- what was played before ------------------------------------------------------------------------------------

    def _take_up(self, journal: CampaignJournal) -> None:
        """Take over the runs that are done; judge those that were torn, and let them be played again."""
        sweep()
        for unit, data in journal.progress.finished.items():
            verdict = finished(Path(data["bundle"])) or _remembered(data)
            self._done[unit] = Run(self._outcome(unit, verdict, Path(data["bundle"])), fresh=False, unwritten=[])
            self._turns[unit.item] = max(self._turns[unit.item], unit.turn + 1)
        for unit, path in journal.progress.begun.items():
            verdict = finished(path) or bury(path, self._planned[unit.item].scenario)
            run = Run(self._outcome(unit, verdict, path), fresh=False)
            died = verdict.first_cause is not None and verdict.first_cause.cause == "harness-died"
            if died or verdict.interrupted:
                journal.append("run.torn", **unit._asdict(), bundle=journal.named(path), verdict=str(verdict.verdict))
            else:  # it was judged, and only the journal did not hear of it any more
                self._ended(unit, run)
                self._done[unit] = run

    def _outcome(self, unit: Unit, verdict: RunVerdict, path: Path) -> RunOutcome:
        item = self._planned[unit.item]
        return RunOutcome(verdict, Bundle(path), item.scenario, item.clock)

    # ---- playing ---------------------------------------------------------------------------------------------------

    def _units(self) -> list[Unit]:
        """What is still to be played."""
        left = [
            Unit(index, turn)
            for index, turns in enumerate(self._turns)
            for turn in range(turns)
            if Unit(index, turn) not in self._done
        ]
        again = [self._again(index) for index in range(len(self._planned))]
        return sorted([*left, *(unit for unit in again if unit is not None)])

    def _again(self, index: int) -> Unit | None:
        """The next run of a scenario that has not passed, if it is to be tried again."""
        runs = self._runs(index)
        if self._ending or self._options.turns[index] != 1 or not 0 < len(runs) <= self._options.retries:
            return None
        last = runs[-1].outcome.verdict
        if len(runs) < self._turns[index] or last.interrupted or last.verdict in _FINAL:
            return None
        self._turns[index] += 1
        return Unit(index, len(runs))

    async def _slot(self) -> None:
        """Play one run after the other, as long as there are any."""
        worker = Worker(self._options.worker) if self._options.jobs > 1 else None
        if worker is not None:
            self._workers.append(worker)
        try:
            while (unit := await self._slots.take()) is not None:
                again: Unit | None = unit
                while again is not None:
                    again = await self._unit(again, worker)
                self._slots.free(unit)
        finally:
            if worker is not None:
                await worker.close()

    async def _unit(self, unit: Unit, worker: Worker | None) -> Unit | None:
        """Play one run; another one if it is to be tried again."""
        item, batch = self._planned[unit.item], self._options.batch
        path = Bundle.choose(batch.runs_dir, item.scenario.name)
        if self._journal is not None:
            self._journal.begin(unit, path)
        if self._options.on_begin is not None:
            self._options.on_begin(unit, item)
        verdict = ""
        try:
            if worker is None:
                run = Run(await play(request(item, batch, path)))
            else:
                played: Played = await worker.play(Job(item, _sendable(batch), path))
                run = Run(played.outcome, unwritten=played.unwritten)
            verdict = str(run.outcome.verdict.verdict)
        except HarnessError as error:
            self._errors.append((unit, error))
            if self._journal is not None:
                self._journal.append("run.failed", **unit._asdict(), what=error.what, hint=error.hint)
            self._slots.close()
            return None
        finally:
            if self._options.on_end is not None:
                self._options.on_end(unit, verdict)
        self._done[unit] = run
        self._ended(unit, run)
        again = self._again(unit.item)
        self._tell()
        return again

    def _ended(self, unit: Unit, run: Run) -> None:
        verdict = run.outcome.verdict
        if verdict.interrupted:
            self._interrupted.add(unit.item)
        if self._journal is not None:
            self._journal.end(unit, run.outcome.bundle.path, _brief(verdict))

    @property
    def _error(self) -> HarnessError:
        """What ended the campaign: of several the one of the first scenario."""
        return min(self._errors, key=lambda found: found[0])[1]

    @property
    def _ending(self) -> bool:
        return self._signal is not None or self._result.expired or bool(self._errors)

    def _alarm(self) -> asyncio.TimerHandle | None:
        deadline = self._options.deadline
        return None if deadline is None else asyncio.get_running_loop().call_later(deadline.left, self._expire)

    def _expire(self) -> None:
        """The deadline has passed."""
        if self._ending:
            return
        self._result.expired = True
        self._slots.close()
        if self._journal is not None:
            self._journal.append("campaign.interrupted", signal="deadline")
        for worker in self._workers:
            worker.stop("SIGTERM")
        end_what_is_under_way("the deadline")

    def _stop(self, name: str) -> None:
        self._signal = name
        self._slots.close()
        if self._journal is not None:
            self._journal.append("campaign.interrupted", signal=name)
        for worker in self._workers:
            worker.stop(name)

    def _hurry(self) -> None:
        for worker in self._workers:
            worker.kill()

    # ---- telling ---------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Tell the results that are complete and have no incomplete one before them."""
        while self._told < len(self._planned) and self._complete(self._told):
            self._tell_one(self._told)
            self._told += 1

    def _tell_rest(self) -> None:
        """The campaign ends here, before its time maybe: tell every scenario of which a run has ended, and, unless
        somebody stopped it, those of which none has: they have not passed.
        """
        for index in range(self._told, len(self._planned)):
            if self._runs(index) or self._result.expired or self._errors:
                self._tell_one(index)
        self._told = len(self._planned)

    def _complete(self, index: int) -> bool:
        return index not in self._interrupted and len(self._runs(index)) == self._turns[index]

    def _runs(self, index: int) -> tuple[Run, ...]:
        units = (Unit(index, turn) for turn in range(self._turns[index]))
        return tuple(self._done[unit] for unit in units if unit in self._done)

    def _tell_one(self, index: int) -> None:
        runs = self._runs(index)
        agreement = agree([run.outcome for run in runs]) if runs else None
        cut = self._result.expired and (index in self._interrupted or len(runs) < self._turns[index])
        seconds = self._options.deadline.seconds if self._options.deadline is not None else 0
        why = f"deadline: the {seconds:g} s of the whole passed before"
        if agreement is not None and cut and agreement.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE}:
            agreement = Agreement(Verdict.INCONCLUSIVE, agreement.head, f"{why} it was over")
        unplayed = f"{why} it was played" if cut else f"not-played: {self._error.what}" if self._errors else ""
        if runs or self._planned[index].scenario.skip:
            unplayed = ""
        result = ScenarioResult(self._planned[index], runs, agreement, unplayed)
        self._result.results.append(result)
        if self._options.on_result is not None:
            self._options.on_result(result)


def _sendable(batch: BatchOptions) -> BatchOptions:
    return replace(batch, head_start=None, on_start=None, on_fail=None, on_done=None)


def _brief(verdict: RunVerdict) -> dict[str, Any]:
    """What the campaign's journal keeps of a verdict: enough for a report if the bundle is removed."""
    full = verdict.to_json()
    return {**full, "findings": full["findings"][:1], "checks": [], "notes": [], "faults": []}


def _remembered(data: dict[str, Any]) -> RunVerdict:
    names = set(RunVerdict.__dataclass_fields__)
    return RunVerdict.from_json({key: value for key, value in data.items() if key in names})
