"""The page as a visitor uses it, for the tests of this folder."""

import time

from benchmarks import browser

NETS = ["softmax regression", "MLP", "CNN"]

LONGEST = 60  # seconds until a page is taken to be stuck

# Strokes: lists of points on a paper of 280 × 280.
ONE = [(140, 56), (140, 224)]
SEVEN = [(70, 70), (196, 70), (126, 224)]
BESIDE = [(252, 84), (252, 196)]  # a shape of its own


def draw(page, *strokes):
    """Draw strokes by mouse."""
    browser.draw(page, strokes, steps=3)
    settle(page)


def press(page, stroke):
    """Draw a stroke whose end has not come yet."""
    browser.press(page, stroke, steps=3)
    settle(page)


def settle(page):
    """Wait until everything that follows a change is shown."""
    end = time.monotonic() + LONGEST
    while not page.evaluate("Page.isSettled()"):
        assert time.monotonic() < end, "the page goes on and on"


def texts(page, selector):
    return page.locator(selector).all_inner_texts()
