"""What GitHub Actions is told: one command a line, one table, whatever a guest printed."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.cli.common import emit
from harness.report.annotations import Commands, command, commands_of, wanted, write_summary

EVIL = (
    "x\n::set-output name=a::b\r::error::%0A##[add-mask]\x1b[31m<script>alert(1)</script>"
    " | `@everyone` ![](http://x)\n\n# h"
)


def run(verdict: str, cause: str | None = None, **more: Any) -> dict[str, Any]:
    return {"scenario": "desk", "verdict": verdict, "first_cause": cause, "bundle": None, **more}


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        ("FAIL", "error"),
        ("CRASH", "error"),
        ("HANG", "error"),
        ("NONDETERMINISM", "error"),
        ("INCONCLUSIVE", "warning"),
        ("FLAKY", "warning"),
        ("NOTHING_CHECKED", "warning"),
        ("PASS", None),
        ("SKIPPED", None),
    ],
)
def test_the_product_s_failures_are_errors_and_the_lab_s_warnings(verdict: str, kind: str | None) -> None:
    lines = commands_of([run(verdict, "silent: …")], [None])
    assert lines == ([] if kind is None else [f"::{kind} title={verdict} desk::silent: …"])


def test_a_failure_points_at_the_line_of_its_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    (line,) = commands_of([run("FAIL", "a: b")], [(tmp_path / "scenarios/x.toml", 14)])
    assert line == "::error file=scenarios/x.toml,line=14,title=FAIL desk::a: b"


def test_a_quarantined_failure_is_a_warning_with_its_owner() -> None:
    known = {"owner": "ada", "reason": "issue 7", "expires": "2026-12-24", "expired": False, "holds": True}
    (line,) = commands_of([run("FAIL", "a: b", quarantine=known)], [None])
    assert line == "::warning title=FAIL desk::a: b%0Aquarantine of ada until 2026-12-24: issue 7"


def test_errors_come_first_and_ten_of_a_kind_at_most() -> None:
    lines = commands_of([run("FLAKY", "a: b")] * 12 + [run("FAIL", "a: b")] * 12, [None] * 24)
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10


def test_no_text_of_a_guest_ends_a_command_or_begins_one() -> None:
    line = command("error", EVIL, title=f"FAIL {EVIL},file=/etc/passwd:")
    assert len(line.splitlines()) == 1
    properties, _, data = line.removeprefix("::error ").partition("::")
    assert "," not in properties
    assert ":" not in properties
    assert "%0A::set-output" in data
    assert "%250A" in data, "a percent sign of the guest's is one"
    assert "\x1b" not in line


def test_the_word_that_holds_commands_back_cannot_be_known() -> None:
    one, other = Commands(), Commands()
    word = one.hold().removeprefix("::stop-commands::")
    assert len(word) >= 32
    assert one.release() == f"::{word}::"
    assert one.hold() != other.hold()


def test_no_text_of_a_guest_in_a_json_document_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`##[command]` counts wherever it stands in a line."""
    document = {"runs": [{"first_cause": f"{EVIL} ###[error]"}]}
    emit(document)
    said = capsys.readouterr().out
    assert json.loads(said) == document
    assert "##" not in said
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_no_text_of_a_guest_is_markup_in_the_summary(tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    batch = {"verdict": "FAIL", "runs": [run("FAIL", EVIL), run("PASS")]}
    write_summary(page, batch, [[f"   2 FAILED  {EVIL}", ""], []])
    text = page.read_text()
    parsed = _Tags()
    parsed.feed(text)
    assert parsed.tags == {"h3", "p", "table", "tr", "th", "td", "details", "summary", "code", "br"}
    assert "alert(1)" in parsed.text
    assert "\n\n" not in text.rstrip("\n"), "after an empty line Markdown begins anew"
    assert not set("@`*[]|#") & set(text.replace("&#", "")), "Markdown has nothing to take up"


def test_a_summary_stays_below_what_github_takes(tmp_path: Path) -> None:
    page = tmp_path / "summary.md"
    runs = [run("FAIL", "x" * 400)] * 3000
    write_summary(page, {"verdict": "FAIL", "runs": runs}, [["y" * 400] * 40] * 3000)
    assert page.stat().st_size < 1 << 20
    assert "more</td>" in page.read_text()


def test_github_is_spoken_to_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert (wanted("auto"), wanted("github"), wanted("none")) == (False, True, False)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert (wanted("auto"), wanted("none")) == (True, False)
