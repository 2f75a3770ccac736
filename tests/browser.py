"""Headless Chromium for the tests that open pages, with WebGL in software, which TensorBoard's projector needs."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@pytest.fixture(scope="session")
def chromium():
    """A running browser of Playwright's; skips where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browsing(chromium):
    """What all pages share, which starts each of them sooner; they keep nothing in it."""
    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.new_page()  # stays open, so that a process that can show pages is always there
        yield context


@pytest.fixture
def page(browsing):
    """A fresh page, 1,280 points wide; what goes wrong in it is in `page.failures`."""
    opened = browsing.new_page()
    opened.failures = []
    opened.on("pageerror", lambda error: opened.failures.append(str(error)))
    yield opened
    opened.close()
