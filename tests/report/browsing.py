"""A headless Chromium for tests: Debian's, driven by Playwright over a pipe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 120_000  # of one action, on a host that has other things to do

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is not installed (apt-get install --no-install-recommends chromium)"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser process; each `opened` has a profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking"],  # containers have no user namespaces for it
            timeout=PATIENCE_MS,
        )
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page, and what happened while it was open."""

    def __init__(self, context: BrowserContext, file: Path) -> None:
        self.requests: list[str] = []  # of anything that is not the file itself, nor within it
        self.complaints: list[str] = []  # what the page or the browser said on the console, and errors of scripts
        context.set_default_timeout(PATIENCE_MS)
        self.page: Page = context.new_page()
        self.page.on("request", lambda request: self._requested(request.url, file.as_uri()))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(file.as_uri())

    def _requested(self, url: str, own: str) -> None:
        if url.partition("#")[0] != own and not url.startswith("data:"):
            self.requests.append(url)


@contextmanager
def opened(
    browser: Browser, file: Path, *, dark: bool = False, width: int = 1280, scripts: bool = True
) -> Iterator[Opened]:
    """*file* in a browser that has no network."""
    context = browser.new_context(
        color_scheme="dark" if dark else "light",
        viewport={"width": width, "height": 900},
        java_script_enabled=scripts,
        offline=True,
    )
    try:
        yield Opened(context, file)
    finally:
        context.close()
