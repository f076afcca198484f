"""Every scene makes whole models, the same again from its seed; without Blender."""

import ast
import functools
import random
import re
from pathlib import Path

import numpy as np
import pytest

from scenes import render
from scenes.kit.materials import PATTERNS, Material, linear
from scenes.kit.meshes import LOWEST, Mesh, Model, SceneError, check, ellipsoid

ROOT = Path(render.__file__).parent


@functools.cache
def models(category: str) -> list[Model]:
    """Six of a kind."""
    return [render.make(category, number, 0)[0] for number in range(6)]


def test_the_scenes_are_there():
    expected = "airplane cat chair donut fish flower house ice_cream mug sailboat teapot tree"
    assert set(expected.split()) <= set(render.CATEGORIES)


@pytest.mark.parametrize("category", render.CATEGORIES)
def test_a_scene_makes_whole_models(category: str):
    styles = set()
    for model in models(category):
        names = [part.name for part in model.parts]
        assert len(set(names)) == len(names), sorted(names)
        for part in model.parts:
            numbers = {number for face in part.faces for number in face}
            assert part.faces and max(numbers) < len(part.vertices) and min(numbers) >= 0, part.name
            assert min(map(len, part.faces)) >= 3, part.name
            assert np.isfinite(part.vertices).all() and part.vertices.shape[1:] == (3,)
            assert part.shown in ("both", "photo", "lines") and (not part.joined or part.joined in names)
            painted = model.materials[part.material].painted
            assert painted == (part.colours is not None), f"{part.name}: colours are for painted materials"
            if part.colours is not None:
                assert part.colours.shape == part.vertices.shape
        used = {one.material for one in [*model.parts, *model.strands]}
        assert used <= set(model.materials)
        assert 0.3 < np.ptp(model.vertices, axis=0).max() < 10
        assert LOWEST <= model.elevation <= 90 and 5 < model.field_of_view < 40
        styles.add(model.style)
    assert len(styles) > 1, "six of a kind"


@pytest.mark.parametrize("category", render.CATEGORIES)
def test_one_seed_is_one_object_and_another_another(category: str):
    first, again = models(category)[0], render.make(category, 0, 0)[0]
    np.testing.assert_array_equal(first.vertices, again.vertices)
    assert first.materials == again.materials and first.azimuth == again.azimuth
    for other in (models(category)[1], render.make(category, 0, 1)[0]):
        assert other.vertices.shape != first.vertices.shape or not np.allclose(other.vertices, first.vertices)


@pytest.mark.parametrize("category", render.CATEGORIES)
def test_materials_are_within_range(category: str):
    for model in models(category):
        for material in model.materials.values():
            assert material.pattern in PATTERNS and material.axis in "xyz"
            assert ((linear(material.colour) >= 0) & (linear(material.colour) <= 1)).all()
            shares = (material.roughness, material.metallic, material.coat, material.sheen, material.translucent)
            assert all(0 <= share <= 1 for share in shares)


def test_scenes_are_short_enough_to_read():
    for category in render.CATEGORIES:
        assert 40 <= len((ROOT / f"{category}.py").read_text().splitlines()) <= 150, category


def test_scenes_need_numpy_alone():
    for category in render.CATEGORIES:
        imported = set()
        for node in ast.walk(ast.parse((ROOT / f"{category}.py").read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").partition(".")[0])
        assert imported <= {"collections", "itertools", "math", "random", "numpy", "scenes"}, category


# ---------------------------------------------------------------- models that cannot be rendered


def ball(**changes) -> Model:
    given = {"parts": [ellipsoid(1, 1, 1).part("ball", "clay")], "materials": {"clay": Material("#808080")}}
    return Model(**{**given, "style": "ball", **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parts": []}, "it makes nothing"),
        ({"parts": [Mesh(np.zeros((3, 3)), []).part("ball", "clay")]}, "it makes nothing"),
        ({"materials": {}}, "part 'ball' has no material: it names 'clay', and there are none"),
        ({"parts": [ellipsoid(1, 1, np.nan).part("ball", "clay")]}, "part 'ball' has points that are not finite"),
    ],
)
def test_what_is_wrong_with_a_model_is_said(changes: dict, said: str):
    assert check(ball()).parts
    with pytest.raises(SceneError, match=re.escape(said)):
        check(ball(**changes))


def test_a_scene_that_makes_nothing_is_named(monkeypatch):
    from scenes import mug

    monkeypatch.setattr(mug, "make", lambda rng: ball(parts=[]))
    with pytest.raises(SceneError, match=r"scenes/mug.py, number 7, seed 3: it makes nothing"):
        render.make("mug", 7, 3)


def test_the_camera_stays_above_the_ground():
    assert ball(elevation=-3).elevation == LOWEST


def test_the_example_of_the_page_is_a_scene():
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT.parent / "docs" / "scenes.md").read_text(), re.S)
    names: dict = {}
    exec(compile(block, "docs/scenes.md", "exec"), names)
    assert check(names["make"](random.Random(1))).style


def test_what_renders_is_the_version_that_scenes_are_written_for():
    studio = (ROOT / "kit" / "studio.py").read_text()
    (version,) = re.findall(r"^VERSION = \((\d+), (\d+)\)", studio, re.M)
    assert f"bpy=={'.'.join(version)}." in (ROOT / "requirements.txt").read_text()
