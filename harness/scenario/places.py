"""Where a step of a scenario stands in its file: for whoever points at it."""

from __future__ import annotations

from contextlib import suppress

from harness.errors import UsageError
from harness.scenario.model import Scenario


def line_of(scenario: Scenario, index: int | None) -> int:
    """The line of step *index* (from 0, after `repeat` was taken apart) in the scenario's file; 1 if it has none."""
    if scenario.file is None or index is None or scenario.several:
        return 1
    from harness.scenario import expand
    from harness.toml import load_toml

    with suppress(UsageError, OSError):  # it may have been changed since
        document = load_toml(scenario.file)
        for label, chosen in expand.cases(scenario.file, document.data, document.locate):
            if label and not scenario.name.endswith(f"[{label}]"):
                continue
            data, words = expand.apply_case(document.data, chosen)
            defaults = data.pop("words", {})  # what they are moves no line
            words = {**{key: str(value) for key, value in defaults.items()}, "seed": str(scenario.seed), **words}
            steps = expand.expand_steps(scenario.file, data.get("step", []), words, document.locate)
            if index < len(steps):
                return document.locate(steps[index][1])
    return 1
