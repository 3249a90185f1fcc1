"""The report says what the run was, whole and safe, whatever the guest printed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest

from harness.judge.verdict import CheckStatus, RunVerdict
from harness.report import html, page
from harness.report.html import write_report
from harness.verdicts import Verdict

EVIL = (
    '<script>alert(1)</script><img src=x onerror=alert(2)>\' onload="x" \x1b[31mred\x1b]0;title\x07 \x00\x08\x7f'
    " \ud800\udfff \x9b31m \u202egnp.exe\u202c \u2066x\u2069 \u200b\ufeff"
    " {{7*7}} {% raw %} &lt; --> ]]> </style></svg></title>"
)
CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
VOID = {"meta", "link", "br", "input"}
SCRIPT = (Path(html.__file__).parent / "templates/report.js").read_text(encoding="utf-8")


class Inspector(HTMLParser):
    """Reads a page as a browser does and notes what may not be there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.policy = self.style = self.script = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        if self.script != SCRIPT:
            self.wrong.append("element script")
        self.wrong += [f"never closed: {tag}" for tag in self._open]
        self.wrong += [f"doubled id: {i}" for i in set(self.ids) if self.ids.count(i) > 1]
        self.wrong += [
            f"leads nowhere: {link}"
            for link in self.links
            if link != "#-" and link.startswith("#") and link[1:] not in self.ids
        ]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and (attrs or self.script):
            self.wrong.append("element script")
        if tag in {"iframe", "object", "embed", "form", "img", "base", "foreignobject"}:
            self.wrong.append(f"element {tag}")
        if tag not in VOID:
            self._open.append(tag)
        values = {name: value or "" for name, value in attrs}
        for name, value in values.items():
            if name.startswith("on") or name in {"style", "src", "srcdoc", "formaction"}:
                self.wrong.append(f"attribute {name} of {tag}")
            if name in {"href", "xlink:href"}:
                if not value.startswith(("#", "./", "data:image/png;base64,")) and value != "data:,":
                    self.wrong.append(f"leads out: {value}")
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag == "p" and "p" not in self._open:
            self.wrong.append("stray </p>")
        elif not self._open or self._open.pop() != tag:
            self.wrong.append(f"stray </{tag}>")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["style"]:
            self.style += data
        elif self._open[-1:] == ["script"]:
            self.script += data
        else:
            self.words.append(data)


def report(maker: Any, verdict: RunVerdict) -> Inspector:
    text = write_report(maker.bundle, verdict).read_bytes().decode("utf-8")
    found = Inspector(text)
    found.wrong += [f"control character {match[0]!r}" for match in CONTROL.finditer(text)]
    return found


def evil_run(maker: Any) -> RunVerdict:
    """Every text that a report shows is hostile."""
    maker.manifest(scenario=EVIL, image=EVIL, host={"system": EVIL, "python": EVIL, EVIL: EVIL}, **{EVIL: EVIL})
    maker.add("target.start", target=EVIL, argv=["qemu", "-append", EVIL, f"-{EVIL}"], qemu=EVIL, **{EVIL: EVIL})
    maker.add("step.begin", index=0, do="boot", what=EVIL)
    offset = maker.received
    event = maker.serial(EVIL.encode("utf-8", "surrogatepass") + b"\xff\xfe\xc3\n")
    maker.serial(b"\x00" * 3000 + b"y" * (1 << 20) + b"\n" + EVIL.encode("utf-8", "surrogatepass"))
    for kind in (
        "control.send",
        "control.reply",
        "control.garbage",
        "console.send",
        "qmp.event",
        "note",
        "lab.error",
        "responder",
        EVIL,
    ):
        maker.now += 1000
        maker.add(
            kind, **{"payload": EVIL, "text": EVIL, "name": EVIL, "data": {"reason": EVIL}, "what": EVIL, EVIL: [EVIL]}
        )
    maker.add("input", device=EVIL, key=EVIL)
    maker.add("epoch", number=EVIL, why=EVIL)
    maker.add("frame", step=1, name=EVIL, digest=EVIL, file=EVIL, width=EVIL, height=EVIL)
    maker.add(
        "postmortem", **{EVIL: EVIL, "text": f"{EVIL}\n{EVIL}", "list": [EVIL], "map": {EVIL: EVIL}, "number": 1.5}
    )
    maker.add("target.exit", returncode=EVIL, asked=EVIL, stderr=f"{EVIL}\n{EVIL}")
    maker.find(Verdict.CRASH, EVIL, EVIL, event, step=0, offset=offset, pattern=EVIL, **{EVIL: EVIL})
    maker.find(Verdict.FAIL, EVIL, EVIL, event, **{EVIL: EVIL})
    maker.check(0, EVIL, EVIL, CheckStatus.BROKEN, EVIL, **{"text": EVIL, EVIL: {EVIL: [EVIL]}})
    maker.check(
        1,
        "frame",
        EVIL,
        CheckStatus.BROKEN,
        EVIL,
        verdict=EVIL,
        file=EVIL,
        expected_file=EVIL,
        box=[EVIL],
        first=EVIL,
        number=EVIL,
    )
    return maker.verdict(notes=[EVIL], fingerprint=EVIL)


def test_a_failed_run_is_told_from_cause_to_notes(make: Callable[..., Any], failed: Callable[..., RunVerdict]) -> None:
    maker = make()
    found = report(maker, failed(maker))
    assert found.wrong == []
    for part in (
        "FAIL first-light The product is wrong.",
        "frame-mismatch check-frame typed text against scene: MISMATCH: 1 pixel differs, in 1×1 at (500, 400)",
        "step 7 (check-frame typed text against scene) at 0.214 s",
        "fingerprint 9f0c2b6e4a7d1c3358ef0a91b2c4d5e6",
        "6 of 9 met",
        "not reached 9 exit shutdown the run ended before it",
        "pattern RAYOS_CONTROL:READY:*:* seen 1× text RAYOS_CONTROL:READY:0:3402 byte 84 line 4 at 0.047 s",
        "expected, magnified 64×40 at (468, 380)",
        "0.130 s input pointer to (250, 120)",
        "56 0.187 s RAYOS_INPUT:KEY:42:up:1d:2 first cause: frame-mismatch, 0.214 s",
        "PC samples 0x100a3c 0x100a3c",
        "pictures come by screendump",
    ):
        assert part in found.text


def test_a_pass_says_so_and_points_nowhere(make: Callable[..., Any]) -> None:
    maker = make()
    maker.manifest()
    maker.serial(b"RAYOS_X:READY\n")
    maker.check(0, "expect", "boot until RAYOS_X:READY")
    found = report(maker, maker.verdict())
    assert found.wrong == []
    assert (
        "PASS first-light Everything that was to be checked was checked and was right. checks met 1 of 1" in found.text
    )
    assert "first cause" not in found.text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_face(make: Callable[..., Any], verdict: Verdict) -> None:
    maker = make()
    found = report(maker, maker.verdict(verdict=verdict))
    assert found.wrong == []
    assert str(verdict).replace("_", " ") in found.text


def test_hostile_text_is_shown_and_does_nothing(make: Callable[..., Any]) -> None:
    maker = make(name=EVIL)
    found = report(maker, evil_run(maker))
    assert found.wrong == []
    assert found.text.count("<script>alert(1)</script><img src=x onerror=alert(2)>") > 20
    assert "{{7*7}} {% raw %} &lt; --> ]]> </style></svg></title>" in found.text


def test_without_escaping_the_inspector_would_see_it(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    real = jinja2.Environment
    monkeypatch.setattr(jinja2, "Environment", lambda **options: real(**{**options, "autoescape": False}))
    monkeypatch.setattr(html, "_template", html._template.__wrapped__)  # not the one that is kept
    maker = make()
    assert "element script" in report(maker, evil_run(maker)).wrong


def test_without_the_last_line_of_defence_the_inspector_would_see_it(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "safe", lambda text, *_, **__: text.encode("utf-8", "replace").decode())
    maker = make()
    verdict = maker.verdict(fingerprint="\x1b[2J")
    maker.bundle.write_json("manifest.json", {"error": "\x9b2J"})
    monkeypatch.setattr(page, "clip", lambda value, *_: str(value))
    assert [w for w in report(maker, verdict).wrong if w.startswith("control character")]


def test_the_policy_lets_in_our_script_style_and_pictures_and_nothing_else(
    make: Callable[..., Any], failed: Callable[..., RunVerdict]
) -> None:
    maker = make()
    found = report(maker, failed(maker))
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (found.style, found.script)
    )
    assert found.policy == (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:;"
        " base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    assert "url(" not in found.style
    assert "@import" not in found.style
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function(", "fetch", "import("):
        assert way not in found.script


def test_the_same_bundle_gives_the_same_bytes(make: Callable[..., Any], failed: Callable[..., RunVerdict]) -> None:
    maker = make()
    verdict = failed(maker)
    first = write_report(maker.bundle, verdict).read_bytes()
    assert write_report(maker.bundle, verdict).read_bytes() == first
    assert [p.name for p in maker.bundle.path.glob("report*")] == ["report.html"]


def test_a_bundle_with_little_in_it_still_gets_its_report(make: Callable[..., Any]) -> None:
    maker = make()
    with maker.bundle.journal.open("ab") as journal:
        journal.write(b'{"seq":0,"host_ns":5,"kind":"step.begin","index":0,"do":"boot","what":"boot"}\n{"seq":1,"ho')
    found = Inspector(
        write_report(maker.bundle, maker.verdict(verdict=Verdict.INCONCLUSIVE)).read_text(encoding="utf-8")
    )
    assert found.wrong == []
    assert "has no manifest.json" in found.text
    assert "Nothing came." in found.text


def test_a_damaged_manifest_is_named(make: Callable[..., Any]) -> None:
    maker = make()
    (maker.bundle.path / "manifest.json").write_text("{", encoding="utf-8")
    assert "is damaged" in report(maker, maker.verdict()).text


def test_checks_beyond_the_limit_are_counted_and_those_that_failed_stay(
    make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CHECKS", 10)
    maker = make()
    for i in range(50):
        maker.check(i, "expect", f"check {i}.")
    maker.check(50, "expect", "the broken one", CheckStatus.BROKEN, "no")
    text = report(maker, maker.verdict(verdict=Verdict.FAIL)).text
    assert "check 8." in text
    assert "check 9." not in text
    assert "the broken one" in text
    assert "41 further checks stand in verdict.json." in text


@pytest.mark.long
def test_a_large_run_is_reported_in_little_memory_and_a_small_page(make: Callable[..., Any]) -> None:
    maker = make()
    maker.add("step.begin", index=0, do="boot", what="boot")
    for i in range(5_000):
        maker.now = i * 400_000
        maker.add("input", device="key", key="a", down=True)
    with maker.bundle.serial.open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
        stream.seek(0, 2)
        stream.write(b"\nthe last words\n")
    verdict = maker.verdict()
    tracemalloc.start()
    path = write_report(maker.bundle, verdict)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    text = Inspector(path.read_text(encoding="utf-8")).text
    assert peak < 24 * 1024 * 1024
    assert path.stat().st_size < 512 * 1024
    assert "the last words" in text
    assert "Input: 4,700 of 5,000 are drawn as density only." in text


def test_the_template_engine_is_loaded_by_writing_alone() -> None:
    heavy = "{'jinja2', 'numpy', 'PIL', 'wand', 'pydantic'}"
    code = f"import sys, harness.report.html; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert json.loads(done.stdout) == []
