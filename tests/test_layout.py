"""How the modules depend on one another: one direction, no circles, one door to parallel/."""

import ast
import graphlib
import re

import pytest
import shell

CORE = ["layers", "networks", "augmentation", "objective", "data", "session", "training"]
CORE += ["evaluation", "settings"]
COMMANDS = ["compare", "predict", "runs", "transfer"]
# Each package, and what it may import beside itself: modules of the core, and packages or modules
# of packages. `common` itself holds the exceptions.
PACKAGES = {
    "process": set(),
    "datasets": {"pictures", "process", "run.files"},
    "pictures": {"datasets.idx", "datasets.orientation"},
    "plots": {"process.streams", "process.text", "run.files"},
    "comparison": {
        *("data", "datasets.orientation", "plots", "process"),
        *("run.code", "run.contents", "run.files", "run.inside", "run.metrics", "run.model"),
    },
    "page": {
        *("data", "datasets.disputed", "process"),
        *("run.files", "run.flags", "run.metrics", "run.model", "run.usual"),
    },
    "run": {
        *("augmentation", "data", "evaluation", "layers", "objective", "session", "settings"),
        *("datasets.disputed", "datasets.orientation", "plots", "process"),
    },
    "parallel": {
        *("augmentation", "layers", "networks", "objective"),
        *("process.machine", "run.files"),
    },
}
# What the core may import of the packages.
OF_PACKAGES = {
    *("datasets.idx", "datasets.reading", "parallel", "plots", "process.arguments"),
    *(
        "process.errors",
        "process.noted",
        "process.signals",
        "process.status",
        "process.text",
        "run.files",
    ),
    *(
        "run.checkpoints",
        "run.counting",
        "run.curve",
        "run.film",
        "run.own",
        "run.progress",
        "run.summaries",
        "run.teacher",
        "run.unsaved",
    ),
}


def modules():
    """Name of a module → its file: all that stand in the repository, but for the tests."""
    found = {}
    for pattern in ("mnist_*.py", "common/**/*.py", "benchmarks/**/*.py"):
        for path in shell.REPOSITORY.glob(pattern):
            name = ".".join(path.relative_to(shell.REPOSITORY).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(path):
    """The names that a file imports, at its top or later, but not those for type checkers."""
    names, todo = [], [ast.parse(path.read_text())]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                names.append(name if name in MODULES else node.module)
        elif not is_for_type_checkers(node):
            todo += ast.iter_child_nodes(node)
    return names


IMPORTS = {name: sorted(set(imported(path))) for name, path in MODULES.items()}


def of_ours(name):
    """What a module imports of `common`, without that word."""
    found = (other.partition(".") for other in IMPORTS[name])
    return {rest for first, _, rest in found if first == "common" and rest}


def inside(name, allowed):
    """Whether a module is one of these, or in a package that is one of these."""
    return any(name == one or name.startswith(f"{one}.") for one in allowed)


def test_the_core_is_complete():
    files = {path.stem for path in (shell.REPOSITORY / "common").glob("*.py")}
    assert files == {"__init__", "common", *CORE, *COMMANDS}
    packages = {path.parent.name for path in (shell.REPOSITORY / "common").glob("*/__init__.py")}
    assert packages == set(PACKAGES)


def test_no_imports_in_a_circle():
    ours = {
        name: [o for o in others if o in MODULES and o != name] for name, others in IMPORTS.items()
    }
    order = list(graphlib.TopologicalSorter(ours).static_order())  # raises where there is a circle
    assert set(order) == set(MODULES)


def test_packages_import_one_way():
    for name in MODULES:
        first, _, rest = name.partition(".")
        package = rest.partition(".")[0]
        if first == "common" and package in PACKAGES:
            allowed = {package, *PACKAGES[package]}
            wrong = {other for other in of_ours(name) if not inside(other, allowed)}
            assert not wrong, f"{name} imports {wrong}"


def test_the_core_imports_little_of_the_packages():
    for name in CORE:
        others = of_ours(f"common.{name}")
        wrong = {o for o in others if o not in CORE and o not in OF_PACKAGES}
        assert not wrong, f"common.{name} imports {wrong}"


def test_one_door_to_parallel():
    for name in MODULES:
        if not name.startswith(("common.parallel", "benchmarks")):
            behind = {other for other in of_ours(name) if other.startswith("parallel.")}
            assert not behind, f"{name} imports {behind}"
    (functions,) = re.findall(
        r"__all__ = \[(.*)\]", MODULES["common.parallel"].read_text(), re.DOTALL
    )
    assert len(functions.split(",")) <= 3


def test_nothing_of_common_imports_a_script_or_a_benchmark():
    for name in MODULES:
        if name.startswith("common"):
            scripts = [o for o in IMPORTS[name] if o.startswith(("mnist_", "benchmarks"))]
            # Its net is that of the CNN, up to the last layer.
            assert scripts == (["mnist_cnn"] if name == "common.transfer" else [])


@pytest.mark.parametrize("name", CORE)
def test_the_core_uses_public_functions_of_tensorflow_only(name):
    path = MODULES[f"common.{name}"]
    tensorflow = [other for other in imported(path) if other.startswith(("tensorflow", "keras"))]
    assert set(tensorflow) <= {"tensorflow.compat.v1"}
    # Attributes of others, and names in getattr(…, "…"); _replace and such are not private.
    names = {
        getattr(node, "attr", None) or getattr(node, "value", None)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        or (isinstance(node, ast.Attribute) and getattr(node.value, "id", "") != "self")
    }
    names = {name for name in names if isinstance(name, str) and re.fullmatch(r"_[a-z]\w*", name)}
    assert names <= {"_replace", "_asdict"}


def test_the_core_is_short():
    lines = sum(len(MODULES[f"common.{name}"].read_text().splitlines()) for name in CORE)
    assert lines < 1_900


def test_files_are_short():
    for folder in ("common", "benchmarks", "tests"):
        for path in (shell.REPOSITORY / folder).rglob("*.py"):
            lines = len(path.read_text().splitlines())
            assert lines <= 300, f"{path} has {lines} lines"


def test_each_package_says_what_its_files_hold():
    for package in PACKAGES:
        folder = shell.REPOSITORY / "common" / package
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        for path in folder.iterdir():
            named = f"{path.stem}/" if path.is_dir() else path.name
            if not path.name.startswith("__"):
                assert named in docstring, f"{package}/__init__.py does not name {named}"


# What is loaded.


def loaded_by(*arguments):
    """The modules that a new process imports."""
    _, errors = shell.run("-X", "importtime", *arguments)
    return {line.rpartition("|")[2].strip() for line in errors.splitlines()}


@pytest.mark.parametrize("command", ["predict", "runs"])
def test_a_command_answers_help_without_tensorflow(command):
    loaded = loaded_by("-m", f"common.{command}", "--help")
    assert "common.process.arguments" in loaded
    assert not [name for name in loaded if re.match(r"tensorflow|scipy|PIL|matplotlib", name)]
    assert "common.session" not in loaded


LOADED = """
import sys
import common.settings
print(*sys.modules)
import mnist_softmax, mnist_mlp, mnist_cnn
mnist_softmax.main(sys.argv[1:])
print(*sys.modules)
"""


@pytest.fixture(scope="module")
def loaded_later(tmp_path_factory):
    """The modules that are loaded with the parser, and then by a run of a script."""
    folder = tmp_path_factory.mktemp("run")
    flags = ["--train-size", 100, "--iterations", 1, "--output-dir", folder]
    first, *_, last = shell.run("-c", LOADED, *flags)[0].splitlines()
    return first.split(), last.split()


def test_the_parser_needs_no_session(loaded_later):
    loaded, _ = loaded_later
    assert "common.settings" in loaded
    for name in ("session", "training", "evaluation", "run.checkpoints", "parallel", "plots"):
        assert f"common.{name}" not in loaded


def test_a_script_loads_no_cluster_and_no_command(loaded_later):
    _, loaded = loaded_later
    assert "common.parallel.fast_session" in loaded
    assert not [name for name in loaded if "cluster" in name and name.startswith("common")]
    for name in (*COMMANDS, "run.found", "run.source", "run.model", "datasets.folders", "pictures"):
        assert f"common.{name}" not in loaded
