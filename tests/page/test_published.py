"""docs/draw.html, the page that is committed, is made of today's files."""

import json
import re

from common.page.build import page_text

import shell

PAGE = shell.REPOSITORY / "docs" / "draw.html"
# From the runs of `python -m common.compare --seeds 5`.
COMMAND = "python -m common.page --output docs/draw.html " + " ".join(
    f"--model runs/compare/runs/mnist_{net}/seed-0" for net in ("softmax", "mlp", "cnn")
)


def test_the_published_page_is_made_of_todays_files():
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.encode()) < 2_500_000
    content = json.loads(re.search(r'id="data">\n(.*?)\n</script>', text, re.DOTALL).group(1))
    rebuilt = page_text(content) == text  # a comparison that does not print 2 MB where it fails
    assert rebuilt, f"docs/draw.html is older than common/page/; build it again: {COMMAND}"
    names = [network["name"] for network in content["networks"]]
    assert names == ["softmax regression", "MLP", "CNN"]
