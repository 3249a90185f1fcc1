"""Failures that are quarantined (`harness.campaign.quarantine`), as reports tell and count them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.verdicts import Verdict


def held(run: Mapping[str, Any]) -> bool:
    """Whether *run*, as the command line prints it, failed and is let pass."""
    return bool((run.get("quarantine") or {}).get("holds"))


def expired(run: Mapping[str, Any]) -> bool:
    """Whether an entry about *run* has expired."""
    return bool((run.get("quarantine") or {}).get("expired"))


def lines(run: Mapping[str, Any]) -> list[str]:
    """What a person reads of it."""
    known = run.get("quarantine")
    if not known:
        return []
    who = f"{known['owner']}: {known['reason']}"
    if known["expired"]:
        return [f"  quarantine   expired on {known['expires']} ({who}): mend it, or renew the entry"]
    if known["holds"]:
        return [f"  quarantine   known until {known['expires']} ({who}); it does not fail the batch"]
    if run["verdict"] == Verdict.PASS:
        return [f"  quarantine   until {known['expires']} ({who}), and it passed"]
    return [f"  quarantine   until {known['expires']} ({who}), but not for this"]
