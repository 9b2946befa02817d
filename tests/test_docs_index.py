"""docs/README.md: the index names every page, and each page leads back to it and on to the next."""

import re

import pytest
import shell

DOCS = shell.REPOSITORY / "docs"
INDEX = (DOCS / "README.md").read_text()
# Title and file of each page, in reading order.
PAGES = re.findall(r"^- \[([^\]]+)\]\((\w[\w.-]*\.md)\)", INDEX, re.MULTILINE)


def test_the_index_names_every_page():
    assert {file for _, file in PAGES} == {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert len(PAGES) == len(dict(PAGES))


@pytest.mark.parametrize("place", range(len(PAGES)), ids=[file for _, file in PAGES])
def test_a_page_ends_with_links_to_the_index_and_the_next_page(place):
    following = [f"Next: [{title}]({file})" for title, file in PAGES[place + 1 : place + 2]]
    expected = " · ".join(["[All pages](README.md)", *following])
    last = (DOCS / PAGES[place][1]).read_text().rstrip("\n").rpartition("\n")[2]
    assert last == expected
