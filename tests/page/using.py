"""The page as a visitor uses it, for the tests of this folder."""

NETS = ["softmax regression", "MLP", "CNN"]

# Strokes: lists of points from 0 to 1, in parts of the paper.
ONE = [(0.5, 0.2), (0.5, 0.8)]
SEVEN = [(0.25, 0.25), (0.7, 0.25), (0.45, 0.8)]


def draw(page, *strokes):
    """Draw strokes by mouse."""
    box = page.locator("#drawing").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=3)
        page.mouse.up()
    settle(page)


def settle(page):
    """Wait until everything that follows a change is shown."""
    page.evaluate("() => new Promise((done) => setTimeout(done, 150))")


def texts(page, selector):
    return page.locator(selector).all_inner_texts()
