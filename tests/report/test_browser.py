"""The report in a real browser: slider, filmstrip, timeline and search work, and it is deaf to what slipped in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from harness.judge.verdict import CheckStatus
from harness.report.batch import write_batch
from harness.report.html import write_report
from harness.verdicts import Verdict

from .browsing import chromium, needs_chromium, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BAD_LIGHT, BAD_DARK = (0xB3, 0x26, 0x1E), (0xFF, 0x82, 0x78)  # --bad of report.css
RIGHT, WRONG = (0x1E, 0x2A, 0x38), (0x1E, 0x2A, 0xF0)  # the pixel at (500, 400), expected and actual
SCRIPT = "<script>document.title = 'it ran'</script>"

pytestmark = [pytest.mark.long, needs_chromium]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page_of_a_failure(make: Callable[..., Any], failed: Callable[..., Any]) -> Path:
    maker = make()
    return write_report(maker.bundle, failed(maker))


def colours(page: Page, selector: str = "") -> dict[tuple[int, int, int], int]:
    """How many pixels of what is shown have which colour."""
    shot = page.locator(selector).screenshot() if selector else page.screenshot(full_page=True)
    with Image.open(BytesIO(shot)) as image:
        return {colour: count for count, colour in image.convert("RGB").getcolors(1 << 24) or []}


@pytest.mark.parametrize(("dark", "bad"), [(False, BAD_LIGHT), (True, BAD_DARK)], ids=["light", "dark"])
def test_style_and_pictures_get_through_the_policy(
    browser: Browser, page_of_a_failure: Path, dark: bool, bad: tuple[int, int, int]
) -> None:
    with opened(browser, page_of_a_failure, dark=dark) as seen:
        assert colours(seen.page, ".banner")[bad] > 300  # its left edge
        assert seen.complaints == seen.requests == []


def test_a_magnified_difference_is_drawn_from_the_embedded_picture(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure) as seen:
        magnified = seen.page.locator("article.sheet .panels:not(.whole) svg").nth(1)
        shot = magnified.screenshot()
    with Image.open(BytesIO(shot)) as image:
        found = {colour: count for count, colour in image.convert("RGB").getcolors(1 << 24) or []}
    assert 20 < found.get(WRONG, 0) < 60  # one pixel, six times as large


def test_the_slider_shows_the_expected_picture_on_its_left_and_the_actual_one_on_its_right(
    browser: Browser, page_of_a_failure: Path
) -> None:
    with opened(browser, page_of_a_failure) as seen:
        page = seen.page
        page.get_by_label("magnify where it differs").check()
        slider = page.locator(".compare input[type=range]")
        slider.focus()
        page.keyboard.press("Home")
        assert WRONG in colours(page, ".compare svg")  # all of it is the actual one
        page.keyboard.press("End")
        assert WRONG not in colours(page, ".compare svg")
        box = page.locator(".compare svg").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
        page.mouse.up()
        assert abs(int(slider.input_value()) - 200) < 5
        assert WRONG in colours(page, ".compare svg")
        page.get_by_role("radio", name="Expected").focus()
        page.keyboard.press("Space")
        assert WRONG not in colours(page, ".compare svg")
        page.keyboard.press("ArrowRight")
        assert page.get_by_role("radio", name="Actual").is_checked()
        assert WRONG in colours(page, ".compare svg")
        page.keyboard.press("ArrowRight")
        assert page.locator(".compare").get_attribute("data-seen") == "difference"
        assert RIGHT not in colours(page, ".compare svg")
        assert seen.complaints == []


def test_the_filmstrip_goes_from_frame_to_frame(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure) as seen:
        page = seen.page
        caption, used = page.locator("#stage .caption"), page.locator("#stage use")
        assert "typed text" in caption.inner_text()  # the one that failed is shown first
        page.locator(".film figure a.open").last.focus()
        page.keyboard.press("ArrowLeft")
        assert "four windows" in caption.inner_text()
        page.keyboard.press("Home")
        assert "empty desktop" in caption.inner_text()
        first = used.get_attribute("href")
        page.locator("#stage button").last.click()
        assert "four windows" in caption.inner_text()
        assert used.get_attribute("href") != first
        page.locator(".film figure").first.click()
        assert "empty desktop" in caption.inner_text()
        assert page.locator(".timeline a.now").get_attribute("href") == "#frame-3"
        page.get_by_role("link", name="picture").nth(1).click()  # in the list of checks
        assert "four windows" in caption.inner_text()
        assert seen.complaints == []


def test_the_search_finds_counts_and_filters_lines(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure) as seen:
        page = seen.page
        page.keyboard.press("/")
        page.keyboard.type("client_created")
        assert page.locator("#tally").inner_text() == "1 of 4 lines"
        assert page.locator(".serial mark").all_inner_texts() == ["CLIENT_CREATED"] * 4
        page.keyboard.press("Enter")
        assert page.locator("#tally").inner_text() == "2 of 4 lines"
        assert "CLIENT_CREATED:3" in page.locator(".serial .hit").inner_text()
        page.keyboard.press("Shift+Enter")
        page.keyboard.press("Shift+Enter")
        assert page.locator("#tally").inner_text() == "4 of 4 lines"
        page.get_by_label("only lines that match").check()
        assert page.locator(".serial > div:visible").count() == 4
        page.locator("#find").fill("<script>")
        assert page.locator("#tally").inner_text() == "not found"
        page.locator("#find").press("Escape")
        assert page.locator(".serial mark").count() == 0
        assert page.locator(".serial > div:visible").count() > 50
        assert seen.complaints == []


def test_the_timeline_is_read_by_mouse_and_by_keys(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure) as seen:
        page = seen.page
        page.locator(".timeline .row", has_text="frames").locator("[data-x]").nth(1).hover(force=True)
        assert "four windows" in page.locator("#readout").inner_text()
        page.locator(".timeline").focus()
        page.keyboard.press("ArrowRight")
        assert "boot until" in page.locator("#readout").inner_text()
        page.keyboard.press("ArrowDown")
        assert "scenario name=first-light" in page.locator("#readout").inner_text()
        for _ in range(2):
            page.keyboard.press("ArrowDown")
        assert "typed text" in page.locator("#readout").inner_text()
        page.keyboard.press("Enter")
        assert page.url.endswith("#frame-7")
        assert seen.complaints == []


def test_without_scripts_everything_is_there_side_by_side(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure, scripts=False) as seen:
        assert seen.page.locator(".compare").is_hidden()
        assert seen.page.locator("article.sheet .panels.whole svg:visible").count() == 3
        assert seen.page.locator(".film figure:visible").count() == 3


def test_paper_gets_the_pictures_and_nothing_to_click(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure) as seen:
        seen.page.emulate_media(media="print")
        for gone in (".compare", ".stage", ".search", "nav"):
            assert seen.page.locator(gone).is_hidden()
        assert seen.page.locator("article.sheet .panels.whole svg:visible").count() == 3
        assert seen.page.pdf().startswith(b"%PDF")


def test_a_narrow_screen_does_not_scroll_sideways(browser: Browser, page_of_a_failure: Path) -> None:
    with opened(browser, page_of_a_failure, width=420) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("keep_policy", "title"), [(True, "PASS first-light"), (False, "it ran")], ids=["with the policy", "without it"]
)
def test_a_script_that_slipped_in_does_not_run(
    browser: Browser, make: Callable[..., Any], keep_policy: bool, title: str
) -> None:
    maker = make()
    maker.manifest()
    maker.check(0, "expect", "boot", CheckStatus.MET)
    page = write_report(maker.bundle, maker.verdict())
    html = page.read_text(encoding="utf-8").replace("<main>", f"<main>{SCRIPT}")
    page.write_text(html if keep_policy else html.replace("Content-Security-Policy", "x"), encoding="utf-8")
    with opened(browser, page) as seen:
        assert seen.page.title() == title
        assert bool(seen.complaints) is keep_policy


def test_hostile_text_stays_text_also_where_the_script_touches_it(browser: Browser, make: Callable[..., Any]) -> None:
    evil = f"{SCRIPT}<img src=https://192.0.2.1/x onerror=\"document.title='it ran'\"></code></div></svg></style>"
    maker = make()
    maker.manifest(scenario=evil, image=evil)
    event = maker.serial(evil.encode() + b"\n")
    maker.add("note", text=evil)
    maker.find(Verdict.CRASH, "crash-text", evil, event, offset=0, text=evil)
    page = write_report(maker.bundle, maker.verdict(notes=[evil]))
    page.write_text(page.read_text(encoding="utf-8").replace("Content-Security-Policy", "x"), encoding="utf-8")
    with opened(browser, page) as seen:
        seen.page.locator("#find").fill("onerror")
        assert seen.page.locator("#tally").inner_text() == "1 of 1 lines"
        assert seen.page.locator("script").count() == 1
        assert seen.page.locator("img").count() == 0
        assert seen.page.title().startswith("CRASH")
        assert seen.complaints == seen.requests == []


def test_the_table_of_many_runs_is_sorted_and_filtered(
    browser: Browser, make: Callable[..., Any], tmp_path: Path
) -> None:
    runs = [
        {"scenario": name, "verdict": verdict, "host_s": took, "first_cause": cause, "seed": 1}
        for name, verdict, took, cause in (
            ("desk", "PASS", 10.5, None),
            ("typing", "FAIL", 2.25, "frame-mismatch: 1 pixel differs"),
            ("alpha", "PASS", 0.5, None),
            ("crash", "CRASH", 3.0, f"crash-text: {SCRIPT}"),
        )
    ]
    with opened(browser, write_batch(tmp_path / "all.html", runs, title="nightly")) as seen:
        page = seen.page

        def shown() -> list[str]:
            return page.locator(".runs tbody:visible tr:first-child td.what").all_inner_texts()

        assert page.title() == "CRASH nightly"
        assert shown() == ["typing", "crash", "desk", "alpha"]
        page.get_by_role("button", name="Host s").click()
        assert shown() == ["alpha", "typing", "crash", "desk"]
        page.get_by_role("button", name="Host s").click()
        assert shown() == ["desk", "crash", "typing", "alpha"]
        page.get_by_role("button", name="Scenario").click()
        assert shown() == ["alpha", "crash", "desk", "typing"]
        page.keyboard.press("/")
        page.keyboard.type("pixel")
        assert shown() == ["typing"]
        assert page.locator("#tally").inner_text() == "1 of 4 shown"
        page.keyboard.press("Escape")
        page.get_by_role("checkbox", name="PASS").focus()
        page.keyboard.press("Space")
        assert shown() == ["crash", "typing"]
        assert seen.complaints == seen.requests == []
