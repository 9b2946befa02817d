"""The page in a real browser: drawn on with a mouse and a finger, used by keyboard, looked at."""

import re

from benchmarks import browser
from benchmarks.strokes import digit

import numpy as np
import pytest
from using import BESIDE, NETS, ONE, SEVEN, draw, press, settle, texts

pytestmark = pytest.mark.browser


def probabilities(page):
    return page.evaluate("Page.state.answers.map((answer) => [...answer.probabilities])")


def seen(page):
    return page.evaluate("[...Page.state.seen]")


def shift(page):
    return page.evaluate("[Controls.values().right, Controls.values().down]")


def test_strokes_change_the_bars(page):
    before = texts(page, ".percent")
    draw(page, SEVEN)
    assert texts(page, ".percent") != before
    assert not page.locator("#hint").is_visible()
    assert texts(page, ".answer .mark") == ["", "", ""]  # nobody knows what a drawing is
    for bars, of_net in zip(page.locator(".bars").all(), probabilities(page), strict=True):
        assert sum(of_net) == pytest.approx(1, abs=1e-5)
        widths = [
            float(re.search(r"\((.*)\)", style).group(1))
            for style in bars.locator(".bar").evaluate_all(
                "(all) => all.map((one) => one.style.transform)"
            )
        ]
        np.testing.assert_allclose(widths, of_net, rtol=1e-4, atol=1e-6)
    # From stroke to bars: measured for each picture of the screen in which something was drawn.
    assert page.evaluate("Page.medianTime()") > 0
    assert page.evaluate("Page.times.length") >= 4


def test_an_error_waits_for_the_end_of_the_stroke(page):
    draw(page, ONE)
    answers = texts(page, ".answer .class")
    press(page, BESIDE)
    assert texts(page, ".answer .class") == answers
    page.mouse.up()
    settle(page)
    assert texts(page, ".answer .class") == ["–"] * 3
    assert "2 shapes" in page.locator("#verdict").inner_text()


def test_a_stroke_goes_on_outside_the_paper(page):
    draw(page, [(140, 56), (364, 112), (140, 224)])
    (stroke,) = page.evaluate("Drawing.strokes()")
    assert max(x for x, _ in stroke) > page.evaluate("Drawing.SIZE")
    assert stroke[-1][0] < page.evaluate("Drawing.SIZE")


def test_clear_and_undo(page):
    draw(page, ONE)
    first = seen(page)
    draw(page, SEVEN)
    both = page.evaluate("Drawing.strokes().length")
    page.get_by_role("button", name="Clear").click()
    assert page.locator("#verdict").inner_text() == "Nothing is drawn yet."
    assert texts(page, ".answer .class") == ["–"] * 3
    assert set(texts(page, ".percent")) == {""}
    page.get_by_role("button", name="Undo").click()
    assert page.evaluate("Drawing.strokes().length") == both == 2
    page.keyboard.press("Control+z")
    assert seen(page) == first
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")  # nothing left to undo
    assert page.evaluate("Drawing.isEmpty()")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_clear_ends_a_stroke_that_goes_on(page):
    draw(page, ONE)
    press(page, BESIDE)
    page.evaluate("document.getElementById('clear').click()")  # as a second finger does
    page.mouse.move(400, 400)
    page.mouse.up()
    settle(page)
    assert page.evaluate("Drawing.isEmpty()")
    draw(page, SEVEN)
    assert page.evaluate("Drawing.strokes().length") == 1


def test_a_finger_draws_and_does_not_scroll(open_page, built):
    page = open_page(built, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    box = page.locator("#drawing").bounding_box()
    devtools = page.context.new_cdp_session(page)

    def touch(kind, *points):
        places = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points
        ]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.5, 0.8))
    for step in range(1, 7):
        touch("touchMove", (0.5, 0.8 - 0.1 * step))
    touch("touchEnd")
    settle(page)
    assert len(page.evaluate("Drawing.strokes()")) == 1
    assert page.evaluate("scrollY") == 0
    # Paper and all bars stand in one window of a phone.
    for selector in ("#drawing", "#seen", "#verdict", ".bars"):
        for part in page.locator(selector).all():
            box = part.bounding_box()
            assert box["y"] + box["height"] <= 844
            assert box["x"] + box["width"] <= 390


def test_only_the_keyboard(page):
    def tab_to(condition):
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({condition!r})"):
                return
        raise AssertionError(f"the Tab key never reaches {condition}")

    tab_to("#drawing")
    start = np.reshape(seen(page), (28, 28))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert shift(page) == [1, 1]
    np.testing.assert_array_equal(np.reshape(seen(page), (28, 28))[1:, 1:], start[:-1, :-1])
    tab_to("#next")
    page.keyboard.press("Enter")
    assert shift(page) == [0, 0]  # each new image starts as it is
    assert "True class" in page.locator("#seen-source").inner_text()
    tab_to("#rotation")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert shift(page) == [0, 0]  # the slider has the arrow keys
    assert page.locator("#rotation-value").inner_text() == "3° clockwise"
    tab_to(".bars input")
    chosen = page.evaluate("Number(document.activeElement.value)")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("Page.state.chosen") == (chosen + 1) % 10
    tab_to("#own")
    page.keyboard.press("Enter")
    assert page.evaluate("Page.state.chosen") is None


def test_sliders_and_shifts_change_what_the_nets_see(page):
    page.get_by_role("button", name="Next test image").click()
    plain = seen(page)
    answers = probabilities(page)
    for name, value in {"Rotation": 40, "Stroke width": 1.5, "Noise": 0.5}.items():
        page.get_by_role("slider", name=name).fill(str(value))
        assert seen(page) != plain
        assert probabilities(page) != answers
        noisy = seen(page)
        page.get_by_role("slider", name=name).fill(str(value))
        assert seen(page) == noisy  # does not flicker
        page.get_by_role("button", name="Reset all").click()
        assert seen(page) == plain
    page.get_by_role("button", name="Shift left").click()
    assert page.locator("#shift-value").inner_text() == "1 left"
    assert seen(page)[:27] == plain[1:28]
    # A new image is not distorted.
    page.get_by_role("button", name="A hard one").click()
    assert page.locator("#shift-value").inner_text() == "none"


def test_hard_images_are_disputed_or_split_the_nets(page):
    count = page.evaluate("JSON.parse(document.getElementById('data').textContent).hard.length")
    shown = set()
    for _ in range(min(count, 6)):
        page.get_by_role("button", name="A hard one").click()
        source = page.locator("#seen-source").inner_text()
        split = len(set(texts(page, ".answer .class"))) > 1
        disputed = "People dispute this label." in source
        assert split or disputed
        marks = set(texts(page, ".answer .mark"))
        assert marks <= ({"= label", "≠ label"} if disputed else {"✓ right", "✗ wrong"})
        shown.add(tuple(seen(page)))
    assert len(shown) == min(count, 6)


def numbers(text):
    """The numbers of a sentence: "pixels +8.1, biases −1.2" → [8.1, −1.2]."""
    return [float(one.replace("−", "-")) for one in re.findall(r"[+−]?\d+\.\d+", text)]


def test_the_evidence_adds_up(page):
    draw(page, SEVEN)
    captions = texts(page, ".why figcaption")
    own = page.evaluate("Page.state.answers.map(({ best }) => best)")
    for k, caption in enumerate(captions):
        assert caption.startswith(f"Why {own[k]}?")
        *terms, score = numbers(caption)
        assert sum(terms) == pytest.approx(score, abs=1e-9)  # as it is written
        exact = page.evaluate(f"Page.state.answers[{k}].scores[{own[k]}]")
        assert score == pytest.approx(exact, abs=0.051)
    # Another class.
    page.locator(".net:first-child .bars label").nth(3).click()
    assert all(one.startswith("Why 3?") for one in texts(page, ".why figcaption"))
    assert (
        page.locator(".bars input:checked").evaluate_all("(all) => all.map(({ value }) => value)")
        == ["3"] * 3
    )
    for k, caption in enumerate(texts(page, ".why figcaption")):
        exact = page.evaluate(f"Page.state.answers[{k}].scores[3]")
        assert numbers(caption)[-1] == pytest.approx(exact, abs=0.051)
    assert len(numbers(captions[0])) == 3  # no rest
    # The bar of the net's own answer can be chosen, too: for all nets.
    page.locator("#own").click()
    page.locator(".net:first-child .bars label").nth(own[0]).click()
    assert page.evaluate("Page.state.chosen") == own[0]


def test_a_filter_slides_over_the_image(page):
    draw(page, SEVEN)
    assert texts(page, ".maps legend")[0].startswith("conv1: ")
    maps = page.get_by_role("radio", name=re.compile("conv1, filter"))
    maps.nth(3).check(force=True)
    table = page.locator(".table")
    patch, weights, products = (
        np.array(
            [float(x.replace("−", "-")) for x in table.nth(k).locator("span").all_inner_texts()]
        )
        for k in range(3)
    )
    np.testing.assert_allclose(patch * weights, products, atol=0.02)
    text = page.locator(".sum").inner_text()
    *terms, result = numbers(text)
    assert sum(terms) == pytest.approx(result, abs=1e-9)
    assert terms[0] == pytest.approx(products.sum(), abs=0.13)
    row, column = (int(x) - 1 for x in re.search(r"Row (\d+), column (\d+)", text).groups())

    def output(row, column):
        return page.evaluate(
            """([row, column]) => {
              const at = Page.state.answers[2].outputs.findIndex(({ kind }) => kind === "conv");
              const { values, shape } = Page.state.answers[2].outputs[at];
              return values[(row * shape[1] + column) * shape[2] + 3];
            }""",
            [row, column],
        )

    assert result == pytest.approx(output(row, column), abs=0.006)
    page.locator(".slide").first.focus()
    page.keyboard.press("ArrowLeft")
    text = page.locator(".sum").inner_text()
    assert f"column {column}:" in text
    assert numbers(text)[-1] == pytest.approx(output(row, column - 1), abs=0.006)
    # A later layer: one of its input maps in numbers, the others summed.
    page.get_by_role("radio", name=re.compile("conv2, filter 5 ")).check(force=True)
    *terms, result = numbers(page.locator(".sum").inner_text())
    assert len(terms) == 3
    assert sum(terms) == pytest.approx(result, abs=1e-9)


@pytest.mark.slow
def test_answers_are_spoken_when_the_hand_rests(page):
    from playwright.sync_api import expect

    answers = browser.read(page, digit("2"))
    said = [rf"{net}.*: {answer}, .* %\." for net, answer in zip(NETS, answers, strict=True)]
    expect(page.locator("#spoken")).to_have_text(re.compile(f"^{' '.join(said)}$"))
