"""The fluent builder can express each of the integration scenarios, and makes the model that its file makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.scenario.files import collect

from .integration_models import SCENARIOS

FOLDER = Path(__file__).parents[2] / "scenarios/integration"


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_builder_makes_the_model_of_the_file(name: str) -> None:
    (loaded,) = collect([FOLDER / f"{name}.toml"])
    built = SCENARIOS[name]().build(folder=FOLDER)
    for index, (ours, theirs) in enumerate(zip(built.steps, loaded.steps, strict=True), 1):
        assert ours == theirs, f"step {index}"
    assert built == replace(loaded, file=None)


def test_no_integration_scenario_is_left_out() -> None:
    assert sorted(SCENARIOS) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert [SCENARIOS[name]().build().name for name in SCENARIOS] == list(SCENARIOS)
