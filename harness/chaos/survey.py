"""A run without faults, looked at for the instants at which faults can be injected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.campaign.batch import run_planned
from harness.engine.options import BatchOptions, Planned
from harness.errors import UsageError
from harness.faults.draw import Horizon
from harness.verdicts import Verdict

if TYPE_CHECKING:
    from harness.engine.context import Context
    from harness.markers.types import Marker

_VICTIMS = 2  # clients that have to live before faults are drawn: as many as one of them may want


@dataclass(slots=True)
class Survey:
    """What a clean run of a scenario has. `markers` holds, for each marker, how many clients lived when it was read."""

    fingerprint: str | None = None
    markers: list[int] = field(default_factory=list)
    rendezvous: list[tuple[float, int]] = field(default_factory=list)  # guest seconds, clients alive
    frames: int = 0
    first_frame: int = 0  # presented when enough clients lived

    def horizon(self) -> Horizon:
        """Where faults of clients can be: from when enough of them live.

        :raises UsageError: if there are never any clients, or no rendezvous.
        """
        enough = [n for n, (_, alive) in enumerate(self.rendezvous, 1) if alive >= _VICTIMS]
        if not enough:
            raise UsageError(
                "the scenario never has two clients at a rendezvous, so there is nobody to do anything to",
                "chaos needs a guest with the control protocol and the SOAK markers of its clients (docs/chaos.md)",
            )
        first, last = enough[0], enough[-1]
        return Horizon(
            rendezvous=(first, last),
            # A client that hangs or dies draws nothing: of the last frames there may be fewer.
            frames=(min(self.first_frame + 1, self.frames), max(self.first_frame + 1, self.frames * 3 // 4)),
            guest_s=(self.rendezvous[first - 1][0], self.rendezvous[last - 1][0]),
        )


def survey(item: Planned, options: BatchOptions) -> Survey:
    """Play *item* once without its faults.

    :raises UsageError: if that run does not pass: nothing can be said of faults on top of it.
    """
    seen = Survey()
    clean = replace(item, scenario=replace(item.scenario, faults=None))
    outcome = run_planned([clean], replace(options, on_start=_Watcher(seen).attach)).runs[0][1]
    if outcome is None:
        raise UsageError(f"the scenario {item.scenario.name} is skipped")
    if outcome.verdict.verdict is not Verdict.PASS:
        cause = outcome.verdict.first_cause
        raise UsageError(
            f"without any fault {item.scenario.name} is {outcome.verdict.verdict}: {cause.what if cause else ''}",
            f"evidence: {outcome.bundle.path}",
        )
    seen.fingerprint = outcome.verdict.fingerprint
    return seen


class _Watcher:
    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._alive: set[str] = set()
        self._frame = 0

    def attach(self, ctx: Context) -> None:
        clock = ctx.evaluator.clock

        def look(marker: Marker) -> None:
            if marker.family == "SOAK" and marker.event == "CLIENT_CREATED":
                self._alive.update(marker.args[:1])
            elif marker.family == "SOAK" and marker.event == "CLIENT_DESTROYED":
                self._alive.difference_update(marker.args[:1])
            self._survey.markers.append(len(self._alive))
            if marker.family == "CONTROL" and marker.event == "READY":
                self._survey.rendezvous.append(((clock.total_us or 0) / 1e6, len(self._alive)))

        ctx.evaluator.on_marker.append(look)
        ctx.journal.listen(
            lambda event: self._reply(str(event.data["payload"])) if event.kind == "control.reply" else None
        )

    def _reply(self, payload: str) -> None:
        found = next((w for w in payload.split() if w.startswith("frame=")), "")
        if found[6:].isdecimal():
            self._survey.frames = int(found[6:])
            if len(self._alive) < _VICTIMS:
                self._survey.first_frame = self._survey.frames
