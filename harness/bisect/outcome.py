"""What a search came to, for people, for machines, and as a `git bisect log`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.bisect.driver import Driver, Found
from harness.bisect.evidence import Parter
from harness.bisect.search import Kind
from harness.bisect.source import Source
from harness.diff.page import write_page
from harness.diff.show import to_json
from harness.verdicts import EXIT_LAB, EXIT_PASS

_MEANING = {
    Kind.FLAKE: "a flake: the defect comes and goes whatever the commit",
    Kind.ENVIRONMENT: "the environment: the defect came or went while the search was under way, not with a commit",
    Kind.SAME: "the ends do not differ",
    Kind.NO_VOTE: "one of the ends has no vote",
    Kind.UNDECIDED: "undecided: the runs are used up; most likely is",
}


def exit_code(found: Found) -> int:
    """0 if there is a culprit, else 3."""
    return EXIT_PASS if found.result.kind is Kind.CULPRIT else EXIT_LAB


def document(source: Source, driver: Driver, found: Found) -> dict[str, Any]:
    """For `--json`."""
    result = found.result
    posterior = driver.search.posterior()
    n = source.order.n

    def end(number: int, ran: Any) -> dict[str, Any]:
        seen, votes = driver.search.tally(number)
        about = {"name": source.names[number], "title": source.titles[number], "seen": seen, "votes": votes}
        return about | {"bundle": ran.bundle if ran else None, "verdict": ran.verdict if ran else None}

    return {
        "result": str(result.kind),
        "exit_code": exit_code(found),
        "culprits": [
            {"name": source.names[c], "title": source.titles[c], "posterior": float(posterior[c - 1])}
            for c in result.commits
        ],
        "posterior": result.posterior,
        "flake": float(posterior[n]),
        "environment": float(posterior[n + 1]),
        "reason": found.reason,
        "signature": found.signature,
        "commits": n,
        "runs": found.runs,
        "votes": driver.search.votes,
        "without_vote": [
            {"name": source.names[number], "reason": reason} for number, reason in sorted(found.without_vote.items())
        ],
        "bad": end(result.bad, found.bad),
        "good": end(result.good, found.good),
        "difference": {"what": found.parting.what, "signature": found.parting.signature},
    }


def lines(source: Source, driver: Driver, found: Found) -> Iterator[str]:
    """For people."""
    result = found.result
    if result.kind is Kind.CULPRIT and len(result.commits) == 1:
        yield f"culprit  {source.titles[result.commits[0]]}"
        yield f"  {source.names[result.commits[0]]}"
    elif result.kind is Kind.CULPRIT:
        yield f"the culprit is one of {len(result.commits)}, of which all but the last cannot vote"
    else:
        yield found.reason or _MEANING[result.kind]
    if len(result.commits) > 1 or result.kind is Kind.UNDECIDED:
        for commit in result.commits:
            yield f"  {source.titles[commit]}"
    if not found.reason:
        yield f"  posterior    {result.posterior:.4f}"
    none = f", {len(found.without_vote)} images without a vote" if found.without_vote else ""
    yield f"  runs         {found.runs} for {source.order.n} commits{none}"
    if found.parting.what:
        yield f"  difference   {found.parting.what}"
        yield f"  signature    {found.parting.signature}"
    for word, number, ran in (("bad", result.bad, found.bad), ("good", result.good, found.good)):
        if ran is not None:
            seen, votes = driver.search.tally(number)
            yield f"  {word:<12} {source.titles[number]}  ({seen} of {votes} runs show it)"
            yield f"               {ran.bundle}"


def write_files(
    folder: Path, source: Source, driver: Driver, found: Found, parter: Parter, *, commits: bool
) -> dict[str, str]:
    """Write the evidence: how the bad run parts from the good one as a page and as JSON, and for *commits* the log of
    git. What was written, by what it is.

    :raises OSError: if it cannot be written.
    """
    files: dict[str, str] = {}
    if found.bad is not None and found.good is not None:
        whole = parter.whole(Path(found.good.bundle), Path(found.bad.bundle))
        (folder / "diff.json").write_text(json.dumps(to_json(whole), indent=1))
        write_page(whole, folder / "diff.html")
        files |= {"diff": str(folder / "diff.html"), "diff as JSON": str(folder / "diff.json")}
    if commits and found.result.kind is Kind.CULPRIT:
        (folder / "git-bisect.log").write_text(bisect_log(source, driver, found))
        files["git bisect replay"] = str(folder / "git-bisect.log")
    return files


def bisect_log(source: Source, driver: Driver, found: Found) -> str:
    """What `git bisect replay` reads: the images that voted, as the result has them, and those that could not."""
    result, names, titles = found.result, source.names, source.titles
    n = source.order.n
    line = "'--first-parent' " if source.first_parent else ""  # else git goes on in what a merge brought
    out = [f"git bisect start {line}'{names[n]}' '{names[0]}'"]
    voted = [number for number in range(1, n) if driver.search.tally(number)[1]]
    bad = [number for number in voted if source.order.contains(number)[result.commits[0] - 1]]
    words = dict.fromkeys(sorted(found.without_vote), "skip") | dict.fromkeys(voted, "good")
    for number in bad:
        del words[number]
    words |= dict.fromkeys(reversed(bad), "bad")  # git keeps the last one only
    for number, word in words.items():
        if 0 < number < n:
            out += [f"# {word}: [{names[number]}] {_subject(titles[number])}", f"git bisect {word} {names[number]}"]
    only = len(result.commits) == 1
    for commit in result.commits:
        out.append(
            f"# {'first' if only else 'possible first'} bad commit: [{names[commit]}] {_subject(titles[commit])}"
        )
    return "\n".join(out) + "\n"


def _subject(title: str) -> str:
    return title.partition(" ")[2]
