"""How the page looks: at once, without moving, in light and dark, on phones, to a screen reader."""

import re

import pytest
from using import BESIDE, NETS, SEVEN, draw, settle, texts

pytestmark = pytest.mark.browser


def test_the_first_look(page):
    assert page.title() == "Draw a digit: three nets read it"
    assert page.locator("#hint").inner_text() == "Draw a digit here"
    titles = texts(page, ".net h2")
    assert [title.partition(" --")[0] for title in titles] == NETS
    # A hard image stands there already: the nets disagree.
    assert page.locator("#verdict").inner_text().startswith("They disagree: ")
    assert len(set(texts(page, ".answer .class"))) > 1
    assert re.match(r"A test image. True class: \d", page.locator("#seen-source").inner_text())
    marks = {text for text in texts(page, ".answer .mark") if text}
    assert marks in ({"✓ right", "✗ wrong"}, {"= label", "≠ label"})  # of a disputed label
    # All of it in one window.
    for selector in ("#drawing", "#seen", "#hard", "#noise", ".why", "#verdict"):
        for part in page.locator(selector).all():
            box = part.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 800


SHIFTS = """() => {
  window.shifted = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifted += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.mark.parametrize("width", [360, 1280, pytest.param(900, marks=pytest.mark.slow)])
def test_nothing_moves(open_page, built, width):
    page = open_page(built, viewport={"width": width, "height": 800})
    page.evaluate(SHIFTS)
    page.get_by_role("button", name="A hard one").click()
    draw(page, SEVEN)
    # Errors have their place; this one is long.
    draw(page, BESIDE)
    assert "strokes that touch" in page.locator("#verdict").inner_text()
    assert page.locator("#verdict").evaluate("(one) => one.scrollHeight <= one.clientHeight")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Next test image").click()
    settle(page)
    assert page.evaluate("shifted") == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_controls_have_names(page):
    tree = page.locator("main").aria_snapshot()
    for name in ("Clear", "Undo", "Next test image", "A hard one", "Shift left by a pixel"):
        assert f'button "{name}"' in tree
    for name in ("Rotation", "Stroke width", "Noise"):
        assert f'slider "{name}"' in tree
    assert 'application "Paper. Draw a digit here."' in tree
    for name in NETS:
        assert re.search(rf'group "{name}.*: probabilities', tree)
        assert re.search(rf'img "Evidence of {name}.* for \d: pixels', tree)
    assert re.search(r'radio "7 \d+ %"', tree)
    assert "status" in tree
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role]")]
          .filter((one) => !one.textContent.trim() && !one.labels?.length && !one.ariaLabel)
          .map((one) => one.outerHTML).filter((text) => !text.includes("status"))"""
    )
    assert unnamed == []


# Each text's colour against the nearest background behind it, by the formula of WCAG 2.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((value) => value / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
  };
  const found = [];
  for (const one of document.querySelectorAll("main *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !one.checkVisibility() || one.closest(":disabled, .table")) continue;
    const [text, ground] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    found.push([ratio, one.className || one.id || one.tagName, one.textContent.slice(0, 30)]);
  }
  return found.sort(([a], [b]) => a - b);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(open_page, built, scheme):
    page = open_page(built, color_scheme=scheme)
    found = page.evaluate(CONTRAST)
    assert len(found) > 60
    assert found[0][0] >= 4.5, found[:5]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.search(r"\d+", ground).group())
    assert (red < 60) == (scheme == "dark")
