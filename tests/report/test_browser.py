"""The report in a real browser: styled, still, and deaf to what slipped in. Needs Debian's chromium."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.judge.verdict import CheckStatus
from harness.report.html import write_report
from harness.verdicts import Verdict

CHROMIUM = shutil.which("chromium")
QUIET = shlex.split(
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr --window-size=1200,900"
)
BAD_LIGHT, BAD_DARK = (0xB3, 0x26, 0x1E), (0xFF, 0x82, 0x78)  # --bad of report.css
SCRIPT = "<script>document.title = 'it ran'</script>"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None, reason="chromium is not installed (apt-get install --no-install-recommends chromium)"
    ),
]


def chromium(profile: Path, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open *page*; what it says on its console ends up in stderr."""
    argv = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *options, page.as_uri()]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=100)


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize(
    ("options", "bad"),
    [([], BAD_LIGHT), (["--blink-settings=preferredColorScheme=0"], BAD_DARK)],
    ids=["light", "dark"],
)
def test_style_and_pictures_get_through_the_policy(
    make: Callable[..., Any], failed: Callable[..., Any], tmp_path: Path, options: list[str], bad: tuple[int, int, int]
) -> None:
    maker = make()
    page = write_report(maker.bundle, failed(maker))
    shot = tmp_path / "shot.png"
    assert complaints(chromium(tmp_path / "profile", page, f"--screenshot={shot}", *options)) == []
    with Image.open(shot) as image:
        assert image.convert("RGB").getpixel((23, 80)) == bad  # the banner's left edge


def test_a_magnified_difference_is_drawn_from_the_embedded_picture(
    make: Callable[..., Any], failed: Callable[..., Any], tmp_path: Path
) -> None:
    maker = make()
    page = write_report(maker.bundle, failed(maker))
    shot = tmp_path / "shot.png"
    chromium(tmp_path / "profile", page, f"--screenshot={shot}", "--window-size=1200,3000")
    with Image.open(shot) as image:
        colours = {colour: count for count, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert 20 < colours.get((0x1E, 0x2A, 0xF0), 0) < 60  # one pixel, six times as large


@pytest.mark.parametrize(
    ("keep_policy", "title"), [(True, "PASS"), (False, "it ran")], ids=["with the policy", "without it"]
)
def test_a_script_that_slipped_in_does_not_run(
    make: Callable[..., Any], tmp_path: Path, keep_policy: bool, title: str
) -> None:
    maker = make()
    maker.check(0, "expect", "boot", CheckStatus.MET)
    page = write_report(maker.bundle, maker.verdict())
    html = page.read_text(encoding="utf-8").replace("<main>", f"<main>{SCRIPT}")
    page.write_text(html if keep_policy else html.replace("Content-Security-Policy", "x"), encoding="utf-8")
    done = chromium(tmp_path / "profile", page, "--dump-dom")
    assert f"<title>{title}" in done.stdout
    assert bool(complaints(done)) is keep_policy


def test_hostile_text_stays_text(make: Callable[..., Any], tmp_path: Path) -> None:
    evil = f"{SCRIPT}<img src=x onerror=\"document.title='it ran'\"></code></div></svg></style>"
    maker = make()
    maker.manifest(scenario=evil, image=evil)
    event = maker.serial(evil.encode() + b"\n")
    maker.add("note", text=evil)
    maker.find(Verdict.CRASH, "crash-text", evil, event, offset=0, text=evil)
    page = write_report(maker.bundle, maker.verdict(notes=[evil]))
    page.write_text(page.read_text(encoding="utf-8").replace("Content-Security-Policy", "x"), encoding="utf-8")
    done = chromium(tmp_path / "profile", page, "--dump-dom")
    assert complaints(done) == []
    assert "<title>CRASH" in done.stdout
    assert "<script" not in done.stdout
