""".github/workflows/: GitHub's schema, what the workflow runs, and what it may do."""

import re
import subprocess

import pages
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator
from ruamel.yaml import YAML
from shell import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
README = REPOSITORY / "README.md"


def workflow():
    (path,) = WORKFLOWS
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def steps():
    return [step for job in workflow()["jobs"].values() for step in job["steps"]]


def test_the_workflow_follows_the_public_schema():
    schema = Draft7Validator(get_builtin_schema("vendor.github-workflows"))
    assert list(schema.iter_errors(workflow())) == []
    wrong = workflow()
    wrong["jobs"]["train"]["runs_on"] = wrong["jobs"]["train"].pop("runs-on")
    assert list(schema.iter_errors(wrong))


def test_a_workflow_may_read_only_and_its_actions_have_a_major_version():
    assert workflow()["permissions"] == {"contents": "read"}
    assert not [job for job in workflow()["jobs"].values() if "permissions" in job]
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", name) for name in used)


def commands_of(text):
    """Commands as text, with the names that programs have on Linux."""
    text = re.sub(" # .*", "", text).replace(".venv/$BIN/", ".venv/bin/").replace("\n", ";")
    return [" ".join(words).replace("python3 ", "python ") for words in pages.commands_in(text)]


RUN = [command for step in steps() for command in commands_of(step.get("run", ""))]


def test_the_workflow_runs_the_first_commands_of_the_readme():
    """The tests are run by what .ci/run does, see test_readme.py."""
    first_screen = pages.text_of(README).partition("\n## ")[0]
    blocks = [text for language, text in pages.blocks(first_screen) if language == "sh"]
    commands = [command for block in blocks for command in commands_of(block)]
    # A checkout takes the place of the first two, and the shell of the third.
    commands = [c for c in commands if not c.startswith(("git ", "cd ", "source "))]
    assert any(command.endswith(".py") for command in commands)
    tests = [c for c in commands if c.endswith(("-m pytest", "-r requirements-dev.txt"))]
    assert {*commands} - {*tests} <= {*RUN}
    assert ".ci/run" in RUN


def test_the_commands_of_the_workflow_are_those_of_pages():
    known = {command for page, command in pages.python_commands() if not page.startswith(".")}
    ours = [command for command in RUN if command.startswith(".venv/bin/python -m ")]
    assert len(ours) >= 3
    for command in ours:
        assert any(line.startswith(f"-m {command.split()[2]}") for line in known), command


def test_oldest_and_newest_versions_are_those_that_are_promised():
    found = {}
    for one in workflow()["jobs"]["train"]["strategy"]["matrix"]["include"]:
        found[one["versions"]] = one["python"]
    first = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"# Python {found['oldest']} to {found['newest']}.")
    systems = workflow()["jobs"]["train"]["strategy"]["matrix"]["os"]
    assert [name.partition("-")[0] for name in systems] == ["ubuntu", "macos", "windows"]


def test_the_oldest_versions_are_read_from_the_requirements():
    (program, *_) = {
        line for step in steps() for line in step.get("run", "").splitlines() if "sed" in line
    }
    found = subprocess.run(
        ["bash", "-c", program.partition("|")[0]], cwd=REPOSITORY, capture_output=True, text=True
    ).stdout.splitlines()
    lines = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert len(found) == len(packages)
    for one, line in zip(found, packages, strict=True):
        assert line.startswith(one.replace("==", ">=") + ",")
