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


TEXT = PAGE.read_text(encoding="utf-8")
CONTENT = json.loads(re.search(r'id="data">\n(.*?)\n</script>', TEXT, re.DOTALL).group(1))


def test_the_published_page_is_made_of_todays_files():
    assert len(TEXT.encode()) < 2_500_000
    rebuilt = page_text(CONTENT) == TEXT  # a comparison that does not print 2 MB where it fails
    assert rebuilt, f"docs/draw.html is older than common/page/; build it again: {COMMAND}"


def test_its_nets_are_those_of_the_readme():
    names = [network["name"] for network in CONTENT["networks"]]
    assert names == ["softmax regression", "MLP", "CNN"]
    results = json.loads((shell.REPOSITORY / "docs" / "results" / "README.json").read_text())
    accuracies = {row["name"]: row["test_accuracies"][0] for row in results["models"]}
    for network in CONTENT["networks"]:
        assert network["test_accuracy"] == accuracies[network["command"]]
        assert network["rounding"]["different"] <= 5  # answers of the 10,000
        assert network["rounding"]["test_total"] == 10_000
