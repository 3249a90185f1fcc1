"""The verdict on a run whose steps were given one by one: its bundle is completed with them, and judged by it."""

from __future__ import annotations

from dataclasses import replace

from harness.engine.run import RunOutcome, RunRequest
from harness.evidence.bundle import Bundle, sha256_file
from harness.judge.facts import GuestFacts, by_host
from harness.scenario.model import Scenario
from harness.scenario.stored import to_json


def judged(outcome: RunOutcome, scenario: Scenario, request: RunRequest) -> RunOutcome:
    """Write down that *scenario* was played, and judge the bundle by it.

    Its checks stand as they stood while it ran.

    :param request: what the run was begun with.
    """
    from harness.judge.rejudge import rejudge

    bundle, verdict = outcome.bundle, outcome.verdict
    if (bundle.path / "manifest.json").exists():
        _complete(bundle, scenario, request)
        verdict = rejudge(bundle, scenario)
        bundle.write_json("verdict.json", verdict.to_json(), durable=True)
    return replace(outcome, verdict=verdict, scenario=scenario)


def _complete(bundle: Bundle, scenario: Scenario, request: RunRequest) -> None:
    """The scenario of the bundle, as it was given, and what the manifest says of it."""
    bundle.write_json("inputs/scenario.json", to_json(scenario))
    manifest = bundle.read_json("manifest.json")
    before = GuestFacts.from_json(manifest["facts"])
    facts = GuestFacts.of(request.profile, request.clock, before.schema, by_host=by_host(scenario, request.profile))
    copies = {
        str(path.relative_to(bundle.inputs)): str(path.relative_to(bundle.path))
        for path in sorted(bundle.inputs.rglob("*"))
        if path.is_file()
    }
    manifest["copies"] = {
        **manifest["copies"],
        **{name: {"file": file, "sha256": sha256_file(bundle.path / file)} for name, file in copies.items()},
    }
    bundle.write_json("manifest.json", {**manifest, "facts": facts.to_json(), "reproducible": facts.reproducible})
