"""A scenario file serves several guests: what of it is meant for which."""

from __future__ import annotations

from dataclasses import replace

from harness.scenario.model import Scenario


def on_guest(scenario: Scenario, image: str) -> Scenario:
    """*scenario* as it is meant for the image profile *image*: skipped with the reason of its `not_on`, and without a
    proof of every frame where that does not apply.
    """
    if why := scenario.not_on.get(image):
        scenario = replace(scenario, skip=f"not on {image}: {why}")
    if scenario.proof is not None and image in scenario.proof.not_on:
        scenario = replace(scenario, proof=None)
    return scenario
