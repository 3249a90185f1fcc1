"""The report of a real run that failed a frame check, of a guest that prints what does harm, opened in Chromium."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from harness.report.html import write_report
from harness.scenario.builder import ScenarioBuilder
from harness.scenario.model import Scenario
from harness.verdicts import Verdict

from ..report.browsing import chromium, needs_chromium, opened
from .conftest import Play
from .outcomes import cause
from .sectors import IDLE, image, sector

pytestmark = [pytest.mark.system, pytest.mark.long, needs_chromium]

HARM = "<script>document.title=1</script><img src=http://192.0.2.1/ onerror=document.title=2>\\033]0;gone\\007\\033[2J"
# 320x200 in 256 colours, a bar of one colour over the upper half; then the serial port tells that it is up.
PICTURE = f"""
        movw $0x13, %ax
        int $0x10
        movw $0xa000, %ax
        movw %ax, %es
        xorw %di, %di
        movw $32000, %cx
        movb $0x2a, %al
        rep stosb
        movw $drawn, %si
        call puts
        {IDLE}
drawn:  .asciz "RAYOS_PICTURE:DRAWN\\n"
"""


def scenario(folder: Path) -> Scenario:
    disk = image(folder, sector(PICTURE, banner=f"{HARM}\\n"))
    profile = folder / "painter.toml"
    profile.write_text(
        'version = 1\nname = "painter"\n[boot]\nshape = "disk"\n'
        f'disk = {{ file = "{disk.name}", interface = "ide" }}\n'
        '[machine]\nmemory_mb = 32\n[guest]\nready = "RAYOS_PICTURE:DRAWN"\n'
    )
    return (
        ScenarioBuilder("painter", image=str(profile))
        .boot()
        .check_frame("something", "not-blank")
        .check_frame("bar", "golden", timeout=2)
        .build(folder)
    )


def test_the_report_of_a_failed_frame_check_works_and_no_script_of_the_guest_does(play: Play, tmp_path: Path) -> None:
    (golden,) = play(scenario(tmp_path), update_goldens=True).updated_goldens
    with Image.open(golden) as approved:
        picture = approved.convert("RGB")
    bar = picture.getpixel((0, 0))
    picture.paste((1, 2, 3), (8, 8, 24, 24))
    picture.save(golden)
    outcome = play(scenario(tmp_path))
    assert cause(outcome) == (Verdict.FAIL, "frame-mismatch")
    assert b"<script>document" in outcome.bundle.serial.read_bytes()

    report = write_report(outcome.bundle, outcome.verdict)
    with chromium() as browser, opened(browser, report) as seen:  # only now: its event loop suffers no other
        page = seen.page
        assert page.title() == "FAIL painter"

        def shown() -> set[tuple[int, int, int]]:
            """The colours in the slider's picture."""
            with Image.open(BytesIO(page.locator(".compare svg").screenshot())) as image:
                return {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}

        slider = page.locator(".compare input[type=range]")
        slider.focus()
        page.keyboard.press("End")
        assert (1, 2, 3) in shown()  # what was approved
        page.keyboard.press("Home")
        assert (1, 2, 3) not in shown()  # what was seen
        assert bar in shown()

        assert "bar" in page.locator("#stage .caption").inner_text()
        page.locator("#stage button").first.click()
        assert "something" in page.locator("#stage .caption").inner_text()

        page.keyboard.press("/")
        page.keyboard.type("<SCRIPT>")
        assert page.locator("#tally").inner_text() == "1 of 1 lines"
        assert page.locator(".serial mark").inner_text() == "<script>"

        assert page.title() == "FAIL painter"
        assert page.locator("script").count() == 1
        assert page.locator("img").count() == 0
        assert seen.requests == []
        assert seen.complaints == []
