"""The rules on who may import whom and how large the building may be, read from the source."""

import ast
import collections
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "sketch2photo"


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module_name(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}
FOLDERS = sorted(name for name, path in MODULES.items() if path.name == "__init__.py" and name != PACKAGE)


def _walk(tree: ast.AST, *, inside_functions: bool = True) -> Iterator[ast.AST]:
    """Every node but those under `if TYPE_CHECKING:`, which are never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if not inside_functions and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        yield node
        yield from _walk(node, inside_functions=inside_functions)


@functools.cache
def imports(name: str, source: str | None = None, *, inside_functions: bool = True) -> frozenset[str]:
    """What a module imports, by full name: our own modules exactly, of others whatever is named."""
    is_folder = name in FOLDERS or name == PACKAGE
    found: set[str] = set()
    tree = ast.parse(MODULES[name].read_text() if source is None else source)
    for node in _walk(tree, inside_functions=inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = name.split(".")[: None if is_folder and node.level == 1 else -node.level + is_folder]
                base = ".".join([*here, base] if base else here)
            inside = {f"{base}.{alias.name}" for alias in node.names if f"{base}.{alias.name}" in MODULES}
            found |= inside or {base}
    return frozenset(found)


def own(name: str) -> set[str]:
    """The modules of the package that a module imports."""
    return {i for i in imports(name) if i == PACKAGE or i.startswith(PACKAGE + ".")}


@functools.cache
def foreign(name: str) -> frozenset[str]:
    """The top-level packages of others that a module imports."""
    return frozenset(i.partition(".")[0] for i in imports(name)) - {PACKAGE, ""}


@functools.cache
def closure(name: str) -> frozenset[str]:
    """The module and all modules of the package that it imports, and those import."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in seen or module not in MODULES:
            continue
        seen.add(module)
        waiting += own(module)
    return frozenset(seen)


def within(module: str, *areas: str) -> bool:
    return any(module == f"{PACKAGE}.{area}" or module.startswith(f"{PACKAGE}.{area}.") for area in areas)


def modules_of(*areas: str) -> list[str]:
    return [name for name in MODULES if within(name, *areas)]


# ---------------------------------------------------------------- the reader of imports itself


def test_imports_are_read_as_python_reads_them():
    read = {
        "import jax.numpy as jnp": {"jax.numpy"},
        "from sketch2photo import config, images": {"sketch2photo.config", "sketch2photo.images"},
        "from sketch2photo.config import GanConfig": {"sketch2photo.config"},
        "def f():\n    import gradio": {"gradio"},
        "from ..config import GanConfig": {"sketch2photo.config"},
        "from . import layers": {"sketch2photo.models.layers"},
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch": {"typing"},
    }
    for source, expected in read.items():
        assert imports("sketch2photo.models.unet", source) == expected, source
    assert imports("sketch2photo.models.unet", "def f():\n    import gradio", inside_functions=False) == set()
    assert imports("sketch2photo.models", "from .layers import Conv") == {"sketch2photo.models.layers"}
    assert len(MODULES) > 20


# ---------------------------------------------------------------- who imports whom


def offenders(modules: list[str], forbidden) -> dict[str, set[str]]:
    """The modules whose imports break a rule, with what they import."""
    broken = {name: {i for i in imports(name) if forbidden(i)} for name in modules}
    return {name: found for name, found in broken.items() if found}


@pytest.mark.parametrize(
    ("area", "may_not"),
    [
        ("kernels", ("models", "data", "training", "evaluation", "release", "page", "studio")),
        ("models", ("data", "training", "evaluation", "release", "page", "studio")),
        ("data", ("models", "kernels", "training", "evaluation", "release", "page", "studio")),
        ("training", ("evaluation", "page", "studio")),
        ("studio", ("page", "training", "data", "evaluation")),
        ("release.format", ("training", "data", "evaluation", "page", "studio", "models", "kernels")),
        ("release", ("evaluation", "page", "data")),
        ("evaluation", ("page", "training")),
        ("page", ("training", "data", "evaluation", "models", "kernels")),
    ],
)
def test_area_does_not_import(area: str, may_not: tuple[str, ...]):
    assert modules_of(area), f"there is no {area}: take it out of the rules"
    assert offenders(modules_of(area), lambda i: within(i, *may_not)) == {}


def test_leaves_import_only_leaves():
    leaves = {f"{PACKAGE}.{name}" for name in ("config", "errors", "files", "images", "images.cleanup", "images.svg")}
    assert offenders(sorted(leaves), lambda i: i.startswith(PACKAGE) and i not in leaves) == {}


def test_config_and_errors_need_only_the_standard_library():
    for name in ("config", "errors", "files", "cli"):
        assert foreign(f"{PACKAGE}.{name}") <= set(sys.stdlib_module_names)


def test_data_never_reaches_jax():
    """Worker processes, which the command is none of, start no backend; Grain imports jax, which starts none."""
    for name in set(modules_of("data")) - {f"{PACKAGE}.data.command"}:
        reached = {module: foreign(module) & {"jax", "jaxlib", "flax", "optax"} for module in closure(name)}
        assert not any(reached.values()), (name, reached)


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("gradio", ("page",)),
        ("orbax", ("training.run_folder",)),
        ("tensorflow_datasets", ("data.store",)),
        ("grain", ("data.loader",)),
        ("apache_beam", ("data.beam",)),
        ("torch", ()),
        ("bpy", ()),
        ("scenes", ()),
        ("tensorflow", ()),
        ("keras", ()),
    ],
)
def test_package_is_imported_only_in(package: str, allowed: tuple[str, ...]):
    users = {name for name in MODULES if package in foreign(name)}
    assert {name for name in users if not within(name, *allowed)} == set()


def test_datasets_are_written_in_one_file():
    writing = {"GeneratorBasedBuilder", "BeamBasedBuilder", "download_and_prepare", "FeaturesDict", "SplitGenerator"}
    found = {
        name
        for name, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in writing
    }
    assert found == {f"{PACKAGE}.data.store"}


def test_no_import_cycles():
    graph = {name: {i for i in imports(name, inside_functions=False) if i in MODULES and i != name} for name in MODULES}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


# ---------------------------------------------------------------- ways

GRADIENT = f"{PACKAGE}.training.gan"
CONVOLUTION = f"{PACKAGE}.kernels.conv"


def way(start: set[str], end: str) -> list[str]:
    """The shortest way along imports from one of the modules to another, both included."""
    came_from: dict[str, str | None] = dict.fromkeys(sorted(start))
    waiting = collections.deque(came_from)
    while end not in came_from:
        assert waiting, f"no way leads to {end}"
        module = waiting.popleft()
        for other in sorted(own(module) & set(MODULES) - set(came_from)):
            came_from[other] = module
            waiting.append(other)
    found: list[str] = []
    module: str | None = end
    while module is not None:
        found.append(module)
        module = came_from[module]
    return found[::-1]


def test_few_files_lie_between_the_command_and_the_gradient():
    imported = imports(PACKAGE, (ROOT / "train.py").read_text()) & set(MODULES)
    files = ["train.py", *way(imported, GRADIENT), *way({GRADIENT}, CONVOLUTION)[1:]]
    assert len(files) <= 8, files


def test_few_files_lie_between_the_pages_server_and_the_photo():
    files = way({f"{PACKAGE}.page.server"}, CONVOLUTION)
    assert f"{PACKAGE}.studio" in files and len(files) <= 8, files


# ---------------------------------------------------------------- files

ENTRIES = ("__init__", "__main__", "command")
"""Names that many folders have; these may be short."""


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


LINES = {name: _lines(path) for name, path in MODULES.items()}


def _is_a_table(path: Path) -> bool:
    """Whether a module has no function: what it knows is data."""
    return not any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in ast.walk(_read(path)))


def _read(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_files_are_named_for_what_they_know():
    nothing = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base"}
    assert [name for name in MODULES if name.rpartition(".")[2] in nothing] == []


def test_no_two_modules_have_one_name():
    names = collections.Counter(path.stem for path in MODULES.values() if path.stem not in ENTRIES)
    assert [name for name, times in names.items() if times > 1] == []


def test_the_building_is_no_larger_than_it_was_drawn():
    assert len(MODULES) <= 85
    assert sum(LINES.values()) <= 16_500
    loose = sorted(path.stem for path in (ROOT / PACKAGE).glob("*.py"))
    assert len(loose) <= 10, loose


def test_no_module_is_longer_than_600_lines():
    assert {name: lines for name, lines in LINES.items() if lines > 600} == {}


def test_no_module_is_too_short_to_be_a_subject():
    short = {name: lines for name, lines in LINES.items() if lines < 60 and MODULES[name].stem not in ENTRIES}
    assert {name: lines for name, lines in short.items() if not _is_a_table(MODULES[name])} == {}


def test_nothing_private_of_jax_is_imported():
    assert {name for name in MODULES if any(i.startswith("jax._src") for i in imports(name))} == set()


@pytest.mark.parametrize(("name", "limit"), [("app.py", 30), ("train.py", 30), ("prepare_data.py", 30)])
def test_entry_points_are_short(name: str, limit: int):
    assert _lines(ROOT / name) < limit
