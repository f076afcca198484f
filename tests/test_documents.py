"""The documents say what is there: files, options, links; and requirements agree with each other and the imports."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import commands
from tests.test_cli import CALLED as OTHER_NAMES

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    "README.md",
    "README.ko.md",
    "docs/api.md",
    "docs/data.md",
    "docs/scenes.md",
    "docs/training.md",
    "docs/overview.md",
    "benchmarks/README.md",
    "experiments/README.md",
]


def requirements(name: str) -> list[Requirement]:
    lines = (line.strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


# ---------------------------------------------------------------- documents


def test_overview_names_every_folder_and_nothing_that_is_not_there():
    text = (ROOT / "docs" / "overview.md").read_text()
    folders = [path.parent for path in (ROOT / "sketch2photo").rglob("__init__.py")]
    for folder in (*folders, ROOT / "benchmarks", ROOT / "experiments", ROOT / "scenes"):
        assert f"`{folder.relative_to(ROOT).as_posix()}/`" in text, folder
    named = re.findall(r"`((?:sketch2photo|scenes|benchmarks|experiments|scripts|tests)/[\w./-]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_front_matter_is_what_spaces_needs():
    """The lines at the top of the README, from which Hugging Face Spaces starts the page."""
    start, front, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    values = dict(line.split(": ", 1) for line in front.splitlines())
    assert start == ""
    assert (values["sdk"], values["sdk_version"]) == ("gradio", pins()["gradio"])
    assert (ROOT / values["app_file"]).is_file()
    assert values["python_version"].strip('"') in ("3.11", "3.12", "3.13")
    assert {values["colorFrom"], values["colorTo"]} <= {"red", "yellow", "green", "blue", "indigo", "purple", "pink"}
    assert len(values["short_description"]) <= 60 and values["title"] == "sketch2photo"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(name: str):
    document = ROOT / name
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def shell_commands(name: str) -> list[str]:
    """The lines of a document's bash blocks, without comments."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / name).read_text(), re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize("name", ["README.md", "docs/data.md", "docs/scenes.md", "docs/training.md"])
def test_documented_options_exist(name: str):
    """Every option of our commands in a document's shell blocks stands in that command's --help."""
    helps: dict[tuple[str, ...], str] = {}
    checked = 0
    for line in shell_commands(name):
        words = line.split()
        if words[0] == "python" and words[1] in ("app.py", "train.py", "prepare_data.py", "-m"):
            words = words[1:]
        elif words[0] == "scripts/app":
            words = ["app.py", *words[1:]]
        elif words[0] == "sketch2photo":
            words = [*OTHER_NAMES[words[1]], *words[2:]]
        else:
            continue
        length = 2 if words[0] in ("-m", "train.py", "prepare_data.py") else 1
        length += words[:2] == ["-m", "sketch2photo.convert"]  # which has a help for each kind of file
        command = tuple(words[:length])
        if command not in helps:
            helps[command] = commands.succeed(*command, "--help")
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"{re.escape(option)}\b", helps[command]), f"{line}: no {option}"
            checked += 1
    assert checked > 3


def test_python_blocks_of_the_readme_compile_and_name_what_exists():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(block)
    from sketch2photo import Prediction, Studio

    for name in re.findall(r"prediction\.(\w+)", blocks[0]):
        assert name in Prediction.__dataclass_fields__
    for name in re.findall(r"studio\.(\w+)\(", blocks[0]):
        assert callable(getattr(Studio, name))


def test_the_korean_readme_has_the_commands_of_the_english_one():
    """Shell and Python alike, in the same order, whatever their comments say; and each leads to the other."""
    commands_of = {name: shell_commands(name) for name in ("README.md", "README.ko.md")}
    english, korean = ((ROOT / name).read_text(encoding="utf-8") for name in commands_of)
    # All but those of Spaces, Docker, GPUs and TPUs.
    until_share = [line for line in commands_of["README.md"] if "--share" in line][-1]
    assert commands_of["README.ko.md"] == commands_of["README.md"][: commands_of["README.md"].index(until_share) + 1]
    programs = [re.findall(r"```python\n(.*?)```", text, re.S) for text in (english, korean)]
    first, second = ([ast.dump(ast.parse(program)) for program in found] for found in programs)
    assert first == second
    assert "](README.ko.md)" in english and "](README.md)" in korean


def test_scripts_can_be_run():
    for name in ("scripts/app", "scripts/test", "scripts/check", "scripts/bench", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name


def test_no_paths_of_one_machine():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    suffixes = {".py", ".md", ".toml", ".txt", ".sh", ".js", ".json", ".css", ".html", ""}
    private = re.compile("/" + r"(?:work|root|home/\w+)/")
    found = [
        name
        for name in tracked.stdout.split("\0")
        if name and Path(name).suffix in suffixes and (ROOT / name).is_file()
        if private.search((ROOT / name).read_text(errors="replace"))
    ]
    assert found == []


# ---------------------------------------------------------------- requirements


def test_young_packages_have_both_bounds():
    young = {"jax", "flax", "optax", "orbax-checkpoint", "grain", "gradio", "opencv-python-headless"}
    bounds = {r.name: {s.operator for s in r.specifier} for r in requirements("requirements.txt")}
    assert {name for name in young if not {">=", "<"} <= bounds[name]} == set()


def test_only_headless_opencv():
    names = {r.name for r in requirements("requirements.txt")} | set(pins())
    assert {name for name in names if name.startswith("opencv")} == {"opencv-python-headless"}


def test_every_requirement_is_pinned_within_its_bounds():
    exact = {canonicalize_name(name): version for name, version in pins().items()}
    for requirement in requirements("requirements.txt") + requirements("requirements-dev.txt"):
        version = exact[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_the_extra_dev_is_requirements_dev():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = {str(Requirement(line)) for line in project["optional-dependencies"]["dev"]}
    assert listed == {str(r) for r in requirements("requirements-dev.txt")}
    assert {"cuda", "tpu"} <= set(project["optional-dependencies"])


THROUGH_OTHERS = {"starlette": "gradio", "httpx": "gradio", "fastapi": "gradio", "jaxlib": "jax", "ml_dtypes": "jax"}
"""Packages that are part of what another one promises."""


def test_what_is_imported_is_required():
    """Nothing works only because another package happens to bring it along."""
    distributions = metadata.packages_distributions()
    required = {canonicalize_name(r.name) for r in requirements("requirements.txt")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for extra in ("beam", "heic") for line in project["optional-dependencies"][extra]]
    optional = {Requirement(line).name.replace("-", "_") for line in extras}
    imported = set()
    for path in [*(ROOT / "sketch2photo").rglob("*.py"), *ROOT.glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    assert optional == {"apache_beam", "pillow_heif"}
    others = imported - set(sys.stdlib_module_names) - {"sketch2photo"} - optional
    assert {"jax", "cv2", "gradio", "numpy"} <= others
    undeclared = {}
    for name in others:
        assert importlib.util.find_spec(name), f"{name} is not installed"
        providers = {canonicalize_name(d) for d in distributions.get(name, [name])}
        if not providers & required and THROUGH_OTHERS.get(name) not in required:
            undeclared[name] = providers
    assert undeclared == {}
