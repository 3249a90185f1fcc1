"""JUnit XML of a batch: valid whatever bytes the guest printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from harness.report.known import held
from harness.verdicts import PRODUCT, Verdict
from harness.writing import written_whole

# Everything that XML 1.0 does not allow (production Char), and C1 controls: legal, but no reader shows them
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, runs: Sequence[dict[str, Any]], checks: Sequence[Sequence[str]]) -> None:
    """Write one test case a scenario; *checks* holds the lines of its output: checks, and where repeated runs part.

    :raises OSError: if the file cannot be written.
    """
    suite = TestSuite("rayos-harness")
    for run, lines in zip(runs, checks, strict=True):
        case = TestCase(clean(str(run["scenario"])), classname="harness", time=run["host_s"])
        verdict = Verdict(run["verdict"])
        cause = clean(str(run["first_cause"] or ""))
        if held(run):
            known = run["quarantine"]
            why = f"quarantined until {known['expires']} ({known['owner']}: {known['reason']}): {verdict}: {cause}"
            case.result = [Skipped(clean(why), "quarantined")]
        elif verdict in PRODUCT:
            case.result = [Failure(cause, str(verdict))]
        elif verdict is Verdict.SKIPPED:
            case.result = [Skipped(cause, str(verdict))]
        elif verdict is not Verdict.PASS:
            case.result = [Error(cause, str(verdict))]
        if lines:
            case.system_out = clean("\n".join(lines))
        properties = Properties()  # type: ignore[no-untyped-call]
        for key in ("fingerprint", "bundle", "seed", "clock", "frames_checked", "markers"):
            if run[key] is not None:
                properties.add_property(Property(key, clean(str(run[key]))))
        for number, repeat in enumerate(run.get("repeats", []), 1):
            for key in ("verdict", "fingerprint", "bundle"):
                if repeat[key] is not None:
                    properties.add_property(Property(f"run {number} {key}", clean(str(repeat[key]))))
        case.append(properties)  # type: ignore[no-untyped-call]
        suite.add_testcase(case)
    suite.update_statistics()  # type: ignore[no-untyped-call]
    xml = JUnitXml("rayos-harness")
    xml.add_testsuite(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as stream:
        xml.write(stream, pretty=True)


def clean(text: str) -> str:
    """*text* with everything that XML does not allow replaced by U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)
