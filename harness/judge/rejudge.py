"""Judges a finished bundle again: the same evaluator, fed from the files. Runs nothing, needs no QEMU."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.console.types import Chunk
from harness.errors import UsageError
from harness.evidence.bundle import Bundle
from harness.evidence.fingerprint import Fingerprint
from harness.evidence.journal import Event, read_events
from harness.judge.evaluator import Evaluator
from harness.judge.facts import GuestFacts
from harness.judge.verdict import RunVerdict
from harness.markers.schema import PLAN, load_schema
from harness.scenario.given import END, as_given
from harness.scenario.model import Scenario
from harness.scenario.steps import CheckFrame
from harness.scenario.stored import from_json


def recorded(bundle: Bundle) -> tuple[Scenario, Mapping[str, Any]]:
    """The scenario and the manifest of a run; of one that never got so far as to write them, what its journal tells.

    :raises UsageError: if the bundle is damaged.
    """
    if (bundle.path / "manifest.json").exists():
        scenario = from_json(bundle.read_json("inputs/scenario.json"))
        if scenario.steps[-1:] == (END,):
            scenario = as_given(scenario, read_events(bundle.journal))
        return scenario, bundle.read_json("manifest.json")
    events = list(read_events(bundle.journal))
    if any(event.kind in {"step.begin", "run.end"} for event in events):
        bundle.read_json("manifest.json")  # it was there, since it is written before the first step: raises
    start = events[0].data if events else {}
    return Scenario(name=str(start.get("scenario", "")), seed=int(start.get("seed", 0))), start


def rejudge(
    bundle: Bundle,
    scenario: Scenario,
    fingerprint: Fingerprint | None = None,
    watch: Callable[[Evaluator], None] | None = None,
) -> RunVerdict:
    """The verdict on *bundle* by the rules of *scenario* (its own, or another with the same steps in the same places).

    :param fingerprint: to be filled, by a caller who wants to see what goes into it.
    :param watch: gets the evaluator before it is fed, to listen to it.
    :raises UsageError: if the bundle is damaged or the scenario's steps do not fit it.
    """
    facts = GuestFacts.from_json(recorded(bundle)[1].get("facts", {}))
    schema_file = facts.schema_path(bundle.path)
    frames = None
    if scenario.proof is not None or any(isinstance(step, CheckFrame) for step in scenario.steps):
        from harness.judge.frames import BundleFrames

        frames = BundleFrames(facts, bundle, scenario.proof)
    evaluator = Evaluator(scenario, facts, load_schema(schema_file) if schema_file else PLAN, frames, fingerprint)
    if watch is not None:
        watch(evaluator)
    with _SerialReader(bundle.serial) as serial:
        for event in read_events(bundle.journal):
            _fits(event, scenario)
            evaluator.on_event(event)
            if event.kind == "serial":
                offset, length = int(event.data["offset"]), int(event.data["len"])
                evaluator.on_chunk(Chunk(offset, serial.read(offset, length), event.host_ns))
    return evaluator.result()


def _fits(event: Event, scenario: Scenario) -> None:
    if event.kind != "step.begin":
        return
    index = int(event.data["index"])
    if index >= len(scenario.steps) or scenario.steps[index].do != event.data["do"]:
        raise UsageError(
            f"step {index + 1} of the bundle is a {event.data['do']}, not so in the scenario",
            "judge it with a scenario that has the same kinds of steps in the same order",
        )


class _SerialReader:
    """Random access to `serial.bin`; a missing file is empty, bytes that the cap dropped are not there."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb") if path.is_file() else None

    def __enter__(self) -> _SerialReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def read(self, offset: int, length: int) -> bytes:
        if self._stream is None:
            return b""
        self._stream.seek(offset)
        return self._stream.read(length)
