"""An installation with a run in its log, and a real browser with all that a page did in it."""

import shutil
from dataclasses import dataclass, field

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Seen:
    """A page that was opened, and what it tried: requests beside itself, errors, dialogs."""

    page: object
    requests: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    dialogs: list = field(default_factory=list)


@pytest.fixture(scope="module")
def browser():
    """Chromium, once a module: playwright's loop must not be open while another module's runs."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail(f"none of {', '.join(BROWSERS)} here: apt-get install chromium")
    with sync_playwright() as driver:
        # Root has no sandbox of its own; what is opened here comes from these tests.
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def look(browser):
    """Open a file; keyword arguments are those of a browser's context (viewport, color_scheme)."""
    contexts = []

    def opened(path, **context):
        contexts.append(browser.new_context(**context))
        page = contexts[-1].new_page()
        seen = Seen(page)
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda line: seen.errors.append(line.text))
        page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        seen.requests.remove(path.as_uri())
        return seen

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
async def installation(tmp_path):
    from tests.apps.replay.installation import Installation

    made = Installation(tmp_path)
    await made.begin()
    yield made
    made.close()
