"""The drawing page, built from trained nets, in a real browser: Debian's chromium.

Tests that ask for `page`, `open_page` or `functions` are marked `browser`. They are skipped where
there is no browser, and fail if the page writes an error to the console or asks for anything but
itself.
"""

from contextlib import contextmanager

from benchmarks.browser import FLAGS, find_chromium
from common import UserError

import idx_files
import pytest

SCRIPTS = ("mnist_softmax", "mnist_mlp", "mnist_cnn")
NUM_TEST = 1_000  # of MNIST's test images, so that a page is quickly built


@pytest.fixture(scope="session")
def small_mnist(shared):
    """A folder with few of MNIST's images, as four IDX files."""

    from common.datasets.idx import read_idx

    def write(folder):
        for name, count in (
            (idx_files.TRAIN_IMAGES, 120),
            (idx_files.TRAIN_LABELS, 120),
            (idx_files.TEST_IMAGES, NUM_TEST),
            (idx_files.TEST_LABELS, NUM_TEST),
        ):
            array = read_idx(idx_files.MNIST / name)
            idx_files.write_idx(folder / name, array[:count])

    return shared.folder("small_mnist", write)


@pytest.fixture(scope="session")
def runs(trained_run):
    """The folders of the three trained nets: softmax regression, MLP, CNN."""
    return [trained_run(script).folder for script in SCRIPTS]


@pytest.fixture(scope="session")
def built(shared, small_mnist, runs):
    """The page of these nets: an HTML file."""

    def build(folder):
        from common.page.__main__ import main

        models = [word for run in runs for word in ("--model", str(run))]
        main([*models, "--data-dir", str(small_mnist), "--output", str(folder / "page.html")])

    return shared.folder("page", build) / "page.html"


@pytest.fixture(scope="package")
def browser():
    """A running chromium, driven by Playwright.

    It ends before tests of other folders run: until then Playwright has an event loop in this
    process, and a browser that some of them might end.
    """
    try:
        program = find_chromium()
    except UserError as error:
        pytest.skip(str(error))
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with driver.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@contextmanager
def opening(browser):
    """Give a function: an HTML file, and options of a Playwright context → the page, opened.

    At the end no page may have reported an error or asked for another file.
    """
    contexts, problems = [], []

    def open_file(path, **options):
        options = {"viewport": {"width": 1280, "height": 800}} | options
        contexts.append(browser.new_context(**options))
        page, own = contexts[-1].new_page(), path.resolve().as_uri()

        def said(message):
            if message.type in ("error", "warning"):
                problems.append(f"{message.type}: {message.text}")

        def requested(request):
            if not request.url.startswith((own, "data:", "blob:")):
                problems.append(f"request: {request.url}")

        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", said)
        page.on("request", requested)
        page.goto(own)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def open_page(browser):
    """A function that opens an HTML file, see `opening`."""
    with opening(browser) as open_file:
        yield open_file


@pytest.fixture
def page(open_page, built):
    """The page of the three trained nets, opened in a window of 1280 × 800."""
    return open_page(built)


@pytest.fixture(scope="module")
def functions(browser, built):
    """The same page for all tests of a file that only call its functions."""
    with opening(browser) as open_file:
        yield open_file(built)
