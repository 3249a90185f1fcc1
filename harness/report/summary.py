"""The stable JSON shape of runs and batches, and the lines people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.judge.verdict import CheckStatus, RunVerdict
from harness.report.fault_view import told
from harness.report.known import expired, held
from harness.report.known import lines as quarantine_lines
from harness.verdicts import EXIT_INTERRUPTED, Verdict, exit_code, worst

if TYPE_CHECKING:
    from harness.campaign.run import ScenarioResult
    from harness.engine.run import RunOutcome
    from harness.judge.divergence import Divergence

_MARK = {
    CheckStatus.MET: "ok",
    CheckStatus.BROKEN: "FAILED",
    CheckStatus.NOT_REACHED: "not reached",
    CheckStatus.PENDING: "pending",
    CheckStatus.SKIPPED: "SKIPPED",
}


def first_cause(verdict: RunVerdict) -> str | None:
    """`<cause word>: <sentence>`, or None for a pass."""
    found = verdict.first_cause
    return None if found is None else f"{found.cause}: {found.what}"


def run_json(outcome: RunOutcome) -> dict[str, Any]:
    """One run as the command line prints it."""
    verdict = outcome.verdict
    return {
        "scenario": outcome.scenario.name,
        "verdict": str(verdict.verdict),
        "first_cause": first_cause(verdict),
        "fingerprint": verdict.fingerprint,
        "bundle": str(outcome.bundle.path),
        "seed": outcome.scenario.seed,
        "clock": outcome.clock,
        "frames_checked": verdict.frames_checked,
        "markers": verdict.markers,
        "faults": verdict.recovery,
        "host_s": verdict.host_s,
        "guest_s": verdict.guest_s,
    }


def result_json(result: ScenarioResult) -> dict[str, Any]:
    """One scenario as the command line prints it: as its run, or, of several, as the one that speaks for them."""
    agreement = result.agreement
    if agreement is None:
        scenario = result.planned.scenario
        run = skipped_json(scenario.name, scenario.skip, scenario.seed, result.planned.clock)
        if result.unplayed:
            run |= {"verdict": str(Verdict.INCONCLUSIVE), "first_cause": result.unplayed}
        return run
    run = run_json(result.runs[agreement.head].outcome)
    run |= {"verdict": str(agreement.verdict), "first_cause": agreement.cause or run["first_cause"]}
    if len(result.runs) == 1:
        return run
    run["repeats"] = [
        {key: each[key] for key in ("verdict", "first_cause", "fingerprint", "bundle", "host_s")}
        for each in (run_json(one.outcome) for one in result.runs)
    ]
    if agreement.divergence is not None:
        run["difference"] = agreement.divergence.to_json()
    return run


def repeat_lines(run: dict[str, Any], divergence: Divergence | None) -> list[str]:
    """What a person reads about the other runs of a scenario that was played several times."""
    repeats = run.get("repeats", [])
    if not repeats:
        return []
    same = run["verdict"] not in {Verdict.NONDETERMINISM, Verdict.FLAKY}
    word = "all agree" if same and len({each["verdict"] for each in repeats}) == 1 else "they do not agree"
    lines = [f"  played {len(repeats)} times: {word}"]
    if word != "all agree":
        for number, each in enumerate(repeats, 1):
            lines.append(
                f"  run {number}  {each['verdict']}  {each['fingerprint'] or 'no fingerprint'}  {each['bundle']}"
            )
    if divergence is not None:
        lines += [f"  {line}" for line in divergence.lines()]
    return lines


def skipped_json(name: str, reason: str, seed: int, clock: str) -> dict[str, Any]:
    """A scenario that was not run, by name and with its reason."""
    return {
        "scenario": name,
        "verdict": str(Verdict.SKIPPED),
        "first_cause": f"skipped: {reason}",
        "fingerprint": None,
        "bundle": None,
        "seed": seed,
        "clock": clock,
        "frames_checked": 0,
        "markers": 0,
        "faults": None,
        "host_s": 0.0,
        "guest_s": None,
    }


def batch_json(runs: Sequence[dict[str, Any]], *, interrupted: bool = False) -> dict[str, Any]:
    """All runs with the batch's verdict: the one run's own, or the worst kind among many.

    Failures that are quarantined do not count; an entry that has expired does.
    """
    counted = [run for run in runs if not held(run)]
    verdicts = [Verdict(run["verdict"]) for run in counted]
    if len(counted) < len(runs):
        verdicts.append(Verdict.PASS)  # something was checked, and what is wrong is known, and told
    if any(map(expired, runs)):
        verdicts.append(Verdict.INCONCLUSIVE)
    code = EXIT_INTERRUPTED if interrupted else exit_code(verdicts)
    batch = {"verdict": str(worst(verdicts)) if verdicts else None, "exit_code": code, "runs": list(runs)}
    if len(counted) < len(runs):
        batch["quarantined"] = len(runs) - len(counted)
    return batch


def check_lines(verdict: RunVerdict) -> list[str]:
    """One line a check: state, what, why not."""
    out = []
    for check in verdict.checks:
        step = "     " if check.step is None else f"{check.step + 1:>4} "
        why = f": {check.reason}" if check.reason and check.status is not CheckStatus.MET else ""
        out.append(f"{step}{_MARK[check.status]:<12}{check.what}{why}")
    return out


def run_lines(run: dict[str, Any], verdict: RunVerdict | None, *, every_check: bool) -> list[str]:
    """What a person reads about one run."""
    guest = f", {run['guest_s']:.2f} s guest" if run["guest_s"] is not None else ""
    counts = f"{_counted(run['frames_checked'], 'frame')} checked, {_counted(run['markers'], 'marker')}"
    lines = [
        f"{run['verdict']}  {run['scenario']}  ({counts}, {run['host_s']:.2f} s host{guest}, {run['clock']} clock)"
    ]
    if run["first_cause"]:
        lines.append(f"  first cause  {run['first_cause']}")
    lines += quarantine_lines(run)
    if run["fingerprint"]:
        lines.append(f"  fingerprint  {run['fingerprint']}")
    if verdict is not None and verdict.recovery is not None:
        lines.append(f"  faults       {told(verdict.recovery)}")
    if run["bundle"]:
        lines.append(f"  evidence     {run['bundle']}")
    if verdict is not None and (every_check or run["verdict"] != Verdict.PASS):
        lines += [f"  {line}" for line in check_lines(verdict)]
    if verdict is not None:
        lines += [f"  note: {note}" for note in verdict.notes]
    return lines


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
