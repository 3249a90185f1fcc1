"""The page over many runs: nothing is lost, alike failures are together, and it is as safe as each run's own."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.judge.verdict import CheckStatus
from harness.report import batch as module
from harness.report.batch import gather, run_of, write_batch
from harness.report.html import write_report
from harness.verdicts import Verdict

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> \x1b[31mred\x07\u202e {{7*7}} </style></svg>"


def finished(maker: Any, verdict: Any) -> dict[str, Any]:
    maker.bundle.write_json("verdict.json", verdict.to_json())
    return run_of(maker.bundle)


def crashed(make: Callable[..., Any], name: str, signature: str = "b13ef0128dd7") -> dict[str, Any]:
    maker = make(name=name)
    maker.manifest(scenario=name)
    maker.find(Verdict.CRASH, "crash-text", "it died", maker.add("note", text="x"))
    maker.bundle.write_json(
        "triage.json", {"kind": "exception", "title": "PAGE FAULT in crash_pf", "signature": signature}
    )
    return finished(maker, maker.verdict())


def passed(make: Callable[..., Any], **more: Any) -> dict[str, Any]:
    maker = make()
    maker.manifest(image_digest="sha256:1")
    maker.check(0, "expect", "boot")
    return finished(maker, maker.verdict(**more))


def text_of(page: Path) -> str:
    class Words(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.words: list[str] = []
            self.tags: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            if not {"style", "script"} & set(self.tags[-1:]):
                self.words.append(data)

    found = Words()
    found.feed(page.read_text(encoding="utf-8"))
    assert found.tags.count("script") == 1
    assert not {"img", "iframe", "form", "object"} & set(found.tags)
    return " ".join(" ".join(found.words).split())


def test_what_failed_comes_first_and_is_told_with_its_cause(
    make: Callable[..., Any], failed: Callable[..., Any], tmp_path: Path
) -> None:
    maker = make()
    wrong = finished(maker, failed(maker))
    write_report(maker.bundle, failed_again(maker))
    page = write_batch(tmp_path / "all.html", [passed(make), wrong], title="nightly")
    text = text_of(page)
    assert text.startswith("FAIL nightly")
    assert "1 PASS 1 FAIL" in text
    assert text.index("2 FAIL first-light") < text.index("1 PASS first-light")
    assert "frame-mismatch: check-frame typed text against scene: MISMATCH: 1 pixel differs" in text
    assert "1 broken check step 7: check-frame typed text against scene" in text
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/png;base64,") == 1  # what was seen where it failed
    assert f'href="./{maker.bundle.path.name}/report.html"' in html


def failed_again(maker: Any) -> Any:
    from harness.judge.verdict import RunVerdict

    return RunVerdict.from_json(maker.bundle.read_json("verdict.json"))


def test_crashes_of_one_signature_are_one_kind(make: Callable[..., Any], tmp_path: Path) -> None:
    runs = [crashed(make, "a"), crashed(make, "b"), crashed(make, "a"), crashed(make, "c", "ffffffffffff")]
    page = gather(tmp_path, runs, "x", "")
    assert [(g.runs, g.scenarios) for g in page.groups] == [(3, "a ×2, b"), (1, "c")]


def test_other_fingerprints_of_the_same_inputs_stand_out(make: Callable[..., Any], tmp_path: Path) -> None:
    runs = [passed(make), passed(make, fingerprint="other"), passed(make)]
    runs[2] |= {"seed": 2, "fingerprint": "third"}
    page = gather(tmp_path, runs, "x", "")
    assert [row.unlike for row in page.rows] == [True, True, False]
    assert "2 runs had another fingerprint" in page.notes[0]


def test_a_run_that_was_never_judged_is_not_taken_for_a_pass(make: Callable[..., Any], tmp_path: Path) -> None:
    maker = make()
    maker.manifest()
    page = gather(tmp_path, [run_of(maker.bundle), passed(make)], "x", "")
    assert (page.verdict, page.rows[0].verdict) == ("INCONCLUSIVE", "INCONCLUSIVE")
    assert "has no verdict" in page.rows[0].cause


def test_hostile_text_is_shown_and_does_nothing(make: Callable[..., Any], tmp_path: Path) -> None:
    maker = make(name=EVIL)
    maker.manifest(scenario=EVIL, image=EVIL, seed=EVIL, clock=EVIL)
    maker.find(Verdict.CRASH, EVIL, EVIL, maker.add("note", text=EVIL))
    maker.check(0, EVIL, EVIL, CheckStatus.BROKEN, EVIL)
    maker.bundle.write_json(
        "triage.json", {"kind": EVIL, "title": EVIL, "signature": EVIL, "where": {"function": EVIL}}
    )
    run = finished(maker, maker.verdict(fingerprint=EVIL)) | {"quarantine": EVIL, "repeats": [{"verdict": "PASS"}]}
    page = write_batch(tmp_path / "all.html", [run], title=EVIL)
    assert text_of(page).count("<script>alert(1)</script>") > 5
    html = page.read_text(encoding="utf-8")
    assert not any(character in html for character in "\x1b\x07\u202e")


def test_of_very_many_runs_those_that_passed_are_counted(
    make: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 3)
    runs = [passed(make) for _ in range(5)] + [crashed(make, "late")]
    page = gather(tmp_path, runs, "x", "")
    assert [row.verdict for row in page.rows] == ["CRASH", "PASS", "PASS"]
    assert page.notes == ["3 further runs that passed are counted"]
    assert page.total == 6


def test_the_command_writes_each_report_and_one_page_over_all(make: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("a", "b"):
        crashed(make, name)
    done = CliRunner().invoke(cli, ["report", str(tmp_path)], standalone_mode=False)
    assert done.exception is None
    assert done.return_value == 0
    assert (tmp_path / "report.html").is_file()
    assert len(list(tmp_path.glob("*/report.html"))) == 2
    assert "2 CRASH" in text_of(tmp_path / "report.html")


def test_the_command_refuses_a_folder_without_runs(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["report", str(tmp_path)], standalone_mode=False)
    assert "there are no runs in" in str(done.exception)
