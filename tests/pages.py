"""The pages of the repository, taken apart: commands, links, headings."""

import re
import shlex

from shell import REPOSITORY

FOLDERS = (".", "docs", "data", ".github")
PAGES = sorted(path for folder in FOLDERS for path in REPOSITORY.glob(f"{folder}/*.md"))
FENCED = re.compile(r"^( *)```([\w-]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
SHELLS = ("sh", "bash", "shell", "console")
# What stands before the arguments: variables, and Python by one of its names.
PYTHON = r"^(?:\S*[/\\])?(?:python[\d.]*|py)(?:\.exe)?$"
# Options of Python itself that say nothing about what runs.
OPTIONS = r"-[\d.]+|-u|-i|-q|-V|--version"


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return str(page.relative_to(REPOSITORY))


def blocks(text):
    """The language and the content of each fenced block."""
    return [(language, content) for _, language, content in FENCED.findall(text)]


def spans(page):
    """The text of each code span, in one line."""
    rest = FENCED.sub("", text_of(page))
    return [" ".join(span.split()) for _, span in SPAN.findall(rest)]


def command_lines(page):
    """The lines of a page that are typed into a shell: those of its blocks, and code spans."""
    for language, text in blocks(text_of(page)):
        if language in SHELLS:
            for line in text.replace("\\\n", " ").splitlines():
                yield re.sub(r"^\s*(\$ )?", "", line)
    yield from spans(page)


def commands_in(line):
    """The commands of a line, each as its words, without variables before and files behind it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    try:
        for token in [*lexer, ";"]:
            if set(token) <= set("();<>|&"):
                while words and re.match(r"\w+=", words[0]):
                    words = words[1:]
                if words:
                    yield words
                words = [">"] if token.startswith((">", "<")) else []  # a file, no command
            else:
                words.append(token)
    except ValueError:  # prose with an apostrophe, or a part of a program
        return


def python_commands():
    """Each command of a page that starts Python: the name of the page, and its arguments."""
    found = {}
    for page in PAGES:
        for line in command_lines(page):
            if "…" not in line:
                for words in commands_in(line):
                    if re.match(PYTHON, words[0]):
                        while len(words) > 1 and re.fullmatch(OPTIONS, words[1]):
                            del words[1]
                        if len(words) > 1:
                            found[name_of(page), shlex.join(words[1:])] = words[1:]
    return found


def slugs(page):
    """The names by which links reach the headings of a page, as GitHub makes them."""
    found, text = [], FENCED.sub("", text_of(page))
    for heading in re.findall(r"^#{1,6} (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip()
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number, name = 0, slug
        while name in found:  # two headings of one text
            number += 1
            name = f"{slug}-{number}"
        found.append(name)
    return {*found, *re.findall(r"""<a (?:id|name)=["']([^"']+)""", text)}


def links(page):
    """The targets of all links and pictures of a page that are no web addresses."""
    text = SPAN.sub("", FENCED.sub("", text_of(page)))
    found = re.findall(r"\]\(<?([^)\s>]+)", text)
    found += re.findall(r"""<(?:a|img|source)\b[^>]*? (?:href|src|srcset)=["']([^"'\s]+)""", text)
    found += re.findall(r"""^\[[^\]]+\]: (\S+)(?: +["'(].*)?$""", text, re.MULTILINE)
    return [link for link in found if not re.match(r"[a-z]+:", link)]
