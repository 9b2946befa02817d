"""All pages: commands that are accepted, links and pictures that are there."""

import argparse
import ast
import importlib
import importlib.util
import re

from common.comparison.runs import SCRIPTS

import pages
import pytest
from shell import REPOSITORY

COMMANDS = pages.python_commands()
# Packages that a page may name and that the tests do not need.
NOT_INSTALLED = {"ipykernel", "jupyter", "jupyterlab", "notebook", "tensorboard"}


def is_ours(words):
    if words[0] == "-m":
        return words[1].partition(".")[0] in ("common", "benchmarks")
    return words[0].startswith("mnist_") or (REPOSITORY / words[0]).exists()


OURS = {key: words for key, words in COMMANDS.items() if is_ours(words)}
OTHERS = {key: words for key, words in COMMANDS.items() if words[0] in ("-c", "-m")}
OTHERS = {key: words for key, words in OTHERS.items() if key not in OURS}


class AcceptedError(Exception):
    """A parser has accepted a command line."""


def parse(words):
    """Run the main function of a command until its parser accepts the words; return the parser."""
    parse_args = argparse.ArgumentParser.parse_args

    def stop_after_parsing(parser, argv=None, namespace=None):
        parse_args(parser, argv, namespace)  # exits with status 2 if it does not accept the words
        raise AcceptedError(parser)

    name, arguments = (words[1], words[2:]) if words[0] == "-m" else (words[0], words[1:])
    name = name.removesuffix(".py").replace("/", ".")
    if importlib.util.find_spec(name).submodule_search_locations:  # a package
        name += ".__main__"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(AcceptedError) as accepted:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop_after_parsing)
        importlib.import_module(name).main(arguments)
    return accepted.value.args[0]


# These functions read nothing but the words, and refuse contradictions, too.
READERS = {f"{script}.py": f"{script}.read_settings" for script in SCRIPTS}
READERS |= {name: f"common.{name}._parse" for name in ("compare", "predict", "runs")}


@pytest.mark.parametrize(("page", "command"), sorted(OURS))
def test_every_command_is_accepted_by_its_parser(page, command):
    words = OURS[page, command]
    start, arguments = (words[1], words[2:]) if words[0] == "-m" else (words[0], words[1:])
    reader = READERS.get(start.removeprefix("common."))
    if {"--help", "-h"} & {*words}:
        with pytest.raises(SystemExit, match=r"^0$"):
            parse(words)
    elif reader:
        module, _, function = reader.rpartition(".")
        getattr(importlib.import_module(module), function)(arguments)
    else:
        parse(words)


@pytest.mark.parametrize(("page", "command"), sorted(OTHERS))
def test_every_other_command_names_what_exists(page, command):
    """Python's own commands and pytest: their files, tests, packages and programs."""
    words = OTHERS[page, command]
    if words[0] == "-c":
        imports = [node for node in ast.walk(ast.parse(words[1])) if isinstance(node, ast.Import)]
        modules = [alias.name for node in imports for alias in node.names]
    else:
        modules = [words[1]]
    for name in {name.partition(".")[0] for name in modules} - NOT_INSTALLED:
        assert importlib.util.find_spec(name), f"no module {name}"
    for word in words[2:]:
        file, *names = word.split("::")
        if re.match(r"(tests|common|benchmarks|docs)/", word) or word.endswith((".py", ".txt")):
            assert (REPOSITORY / file).exists(), word
            assert all(f"def {name}(" in (REPOSITORY / file).read_text("utf-8") for name in names)


def test_commands_are_found_wherever_they_stand():
    found = {words[1] if words[0] == "-m" else words[0] for words in COMMANDS.values()}
    assert {"mnist_softmax.py", "mnist_mlp.py", "mnist_cnn.py", "common.compare", "pytest"} <= found
    line = "A='1 2' B=3 .venv/bin/python -m pytest -q > log.txt && py x.py --a 'b c' # python y.py"
    expected = [[".venv/bin/python", "-m", "pytest", "-q"], [">", "log.txt"]]
    assert list(pages.commands_in(line)) == [*expected, ["py", "x.py", "--a", "b c"]]
    assert re.match(pages.PYTHON, r".venv\Scripts\python.exe")
    assert list(pages.commands_in("don't")) == []


def flags_of(parser):
    return {flag for action in parser._actions for flag in action.option_strings}


def test_every_flag_that_a_page_names_exists():
    one_of_each = {words[1] if words[0] == "-m" else words[0]: words for words in OURS.values()}
    known = set().union(*(flags_of(parse(words)) for words in one_of_each.values()))
    for page in pages.PAGES:
        for span in pages.spans(page):
            if re.match(r"--[a-z]", span):
                flags = re.findall(r"(?<!\S)--[a-z][\w-]*", span)
                assert {*flags} <= known, f"{pages.name_of(page)} names {span}"


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name_of)
def test_every_link_leads_somewhere(page):
    for link in pages.links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(REPOSITORY), link
        if anchor:
            assert anchor in pages.slugs(target), link


def test_every_page_can_be_reached_from_the_readme_and_leads_on():
    """The page for contributors is shown by GitHub itself."""
    reached, todo = set(), [REPOSITORY / "README.md"]
    while todo:
        page = todo.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            todo += [(page.parent / link.partition("#")[0]).resolve() for link in pages.links(page)]
    others = {page for page in pages.PAGES if page.parent.name != ".github"}
    assert {pages.name_of(page) for page in others - reached} == set()


def test_anchors_are_those_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `tf.mul`: what's *new*?\n## One & two\n```sh\n# no heading\n```\n## One & two\n"
        '## 端到端 [link](x.md)\n<a id="here"></a>\n',
        encoding="utf-8",
    )
    expected = {"a-tfmul-whats-new", "one--two", "one--two-1", "端到端-link", "here"}
    assert pages.slugs(page) == expected


def test_links_are_found_in_every_form(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "[![a](a.png)](b.md#c) `[no](no.md)` [x](https://x.org) <img width=3 src='d.png'> [r][r]\n"
        '[r]: e.md\n<a href="f.md">f</a>\n```\n[no](no.md)\n```\n'
    )
    assert sorted(pages.links(page)) == ["a.png", "b.md#c", "d.png", "e.md", "f.md"]


def test_every_picture_is_shown_somewhere():
    texts = "".join(map(pages.text_of, pages.PAGES))
    unused = [p.name for p in (REPOSITORY / "docs" / "pictures").iterdir() if p.name not in texts]
    assert unused == []
