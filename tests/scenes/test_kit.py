"""Meshes, lines and the photo's finish, without Blender."""

import random

import cv2
import numpy as np
import pytest

from scenes.kit import fur, lines, materials, photo
from scenes.kit.meshes import Model, bezier, circle, curve, ellipsoid, join, lathe, prism, rounded_box, scatter, sweep
from scenes.kit.soft import Body


def volume(mesh) -> float:
    """Of a closed surface; positive however its faces are turned (divergence theorem)."""
    total = 0.0
    for face in mesh.faces:
        a = mesh.vertices[face[0]]
        for i in range(1, len(face) - 1):
            total += a @ np.cross(mesh.vertices[face[i]], mesh.vertices[face[i + 1]]) / 6
    return abs(total)


@pytest.mark.parametrize(
    ("mesh", "expected"),
    [
        (ellipsoid(1, 2, 3, 60, 80), 4 / 3 * np.pi * 6),
        (lathe([(1, 0), (1, 2)], 200), 2 * np.pi),
        (lathe([(0, 0), (1, 0), (0, 3)], 200), np.pi),
        (sweep([(0, 0, z) for z in np.linspace(0, 4, 9)], 0.5, segments=100), np.pi),
        (sweep([(0, 0, z) for z in np.linspace(0, 4, 9)], 0.5, 0.25, segments=100), np.pi / 2),
        (sweep(circle(3, 200), 0.5, segments=60, closed=True), 2 * np.pi**2 * 3 * 0.25),
        (prism([(0, 0), (2, 0), (0, 2)], 3), 6),
        (rounded_box(1, 2, 3, 0.001), 48),
    ],
)
def test_volumes(mesh, expected):
    assert volume(mesh) == pytest.approx(expected, rel=0.01)
    assert volume(mesh.turned("x", 30).moved(5, 1, 2)) == pytest.approx(expected, rel=0.01)
    assert volume(mesh.scaled(2, 1, 1)) == pytest.approx(2 * expected, rel=0.01)


def test_curves_go_through_their_points():
    points = np.array([(0, 0), (1, 3), (4, 4), (5, 0)], float)
    path = curve(points, 400)
    assert np.allclose(path[[0, -1]], points[[0, -1]], atol=1e-6)
    for point in points:
        assert np.linalg.norm(path - point, axis=1).min() < 0.02
    np.testing.assert_allclose(bezier([(0, 0), (1, 2), (2, 0)], 3)[1], (1, 1))


def test_a_middle_line_goes_where_its_mesh_goes():
    tube = sweep(np.linspace((0, 0, 0), (0, 0, 1), 5), 0.1).turned("y", 90).moved(y=2)
    np.testing.assert_allclose(tube.centre, np.linspace((0, 2, 0), (1, 2, 0), 5), atol=1e-9)
    assert tube.bare().centre is None and join([tube, tube]).centre is None


def test_scattered_copies_stand_where_they_are_told_to():
    spike = prism([(-0.1, 0), (0.1, 0), (0, 1)], 0.1)
    places, towards = np.array([(1.0, 0, 0), (0, 5, 0)]), np.array([(1.0, 0, 0), (0, 0, -1)])
    both = scatter(spike, places, towards, np.array([1.0, 2.0]), random.Random(0))
    assert len(both.faces) == 2 * len(spike.faces)
    np.testing.assert_allclose(both.vertices[:6, 0].max(), 2, atol=1e-9)
    np.testing.assert_allclose(both.vertices[6:, 2].min(), -2, atol=1e-9)


def test_soft_bodies_run_into_each_other():
    alone = Body((0, 0, 0), 0.2).add((0, 0, 0), (1, 1, 1))
    np.testing.assert_allclose(np.linalg.norm(alone.mesh().vertices, axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(alone.front(0, 0.6, lift=0.1), (0, -0.9, 0.6), atol=1e-4)
    both = Body((0, 0, 0), 0.4).add((-0.6, 0, 0), (0.7, 0.7, 0.7)).add((0.6, 0, 0), (0.7, 0.7, 0.7))
    waist = np.array([0, 0.4, 0])
    assert both.distance(waist) < alone.distance(waist + [0, 1, 0]) and both.distance(waist) < 0


def test_fur_grows_outwards_from_its_parts():
    part = ellipsoid(1, 1, 1).part("ball", "fur")
    red = fur.grow([part], [0.1], "fur", lambda points, _: points * 0, random.Random(0), count=500)
    length = np.linalg.norm(red.points, axis=2)
    assert red.points.shape == (499, 4, 3) or red.points.shape == (500, 4, 3)
    assert np.allclose(length[:, 0], 1, atol=0.01) and length[:, 3].mean() > 1.01


# ---------------------------------------------------------------- lines


SIDE = 256


@pytest.fixture
def geometry():
    """A disc as part 1 with a square as part 2 before it, flat towards the camera."""
    part = np.zeros((3 * SIDE, 3 * SIDE), np.uint8)
    cv2.circle(part, (384, 384), 300, (1,), -1)
    part[350:450, 350:450] = 2
    normal = np.zeros((*part.shape, 3))
    normal[part > 0] = (0, 0, 1)
    return part.astype(int), normal, np.where(part == 2, 4.0, np.where(part == 1, 5.0, 0.0))


def test_lines_are_where_parts_end(geometry):
    part, normal, depth = geometry
    marks = lines.edges(part, normal, depth, size=2.0)
    assert marks[384, 84 - 2 : 84 + 2].any() and marks[350 - 2 : 350 + 2, 400].any()
    assert not marks[360:440, 360:440].any() and not marks[384, 100:340].any() and not marks[:70].any()
    drawn = lines.stroke(marks, 5, SIDE)
    assert drawn.shape == (SIDE, SIDE) and drawn.min() < 60 and (drawn == 255).mean() > 0.9


def test_a_crease_within_a_part_is_a_line_and_a_speck_is_not(geometry):
    part, normal, depth = geometry
    normal[:, 500:] = (1, 0, 0)
    normal[500, 450] = (0, 1, 0)
    marks = lines.edges(part, normal * (part > 0)[..., None], depth, size=2.0)
    assert marks[384, 498:502].any() and not marks[495:505, 445:455].any()


def test_thin_parts_become_their_middle_stroke():
    part = np.zeros((768, 768), int)
    part[100:700, 380:390] = 1
    part[100:700, 500:700] = 2
    straight = np.linspace((0, 0, 0), (0, 0, 1), 9)
    project = lambda points: np.stack([0 * points[:, 0] + 385 / 768, 0.1 + 0.8 * points[:, 2]], 1)  # noqa: E731
    paths = lines.centre_paths({1: straight}, project)
    paths[2] = paths[1] + [215 / 768, 0]
    assert lines.thin_parts(part, paths) == {1}
    marks = lines.middle_strokes(part, {1: paths[1]})
    rows, columns = np.nonzero(marks)
    assert set(columns) == {385} and rows.min() > 90 and rows.max() < 710


def test_ragged_rims_are_smoothed_and_hard_parts_stay(geometry):
    part = geometry[0]
    ragged = part > 0
    ragged[80:90, 300:480:4] = True  # hairs beyond the disc
    at = lines.soften(part, ragged, [1], sigma=3.0)
    softened = part[at]
    assert (softened == 2).sum() == (part == 2).sum()
    assert abs(int((softened == 1).sum()) - int((part == 1).sum())) < 0.02 * (part == 1).sum()
    wider = cv2.dilate((part > 0).astype(np.uint8), np.ones((31, 31))) > 0
    assert (part[lines.soften(part, wider, [1], sigma=3.0)] == 1).sum() > (part == 1).sum() * 1.08


# ---------------------------------------------------------------- photo and materials


def test_ground_without_a_shadow_is_white_and_the_rim_clean():
    coverage = np.zeros((128, 128), np.float32)
    cv2.circle(coverage, (64, 64), 40, (1.0,), -1, cv2.LINE_AA)
    light = np.float32([0.3, 0.05, 0.02]) * coverage[..., None]
    made = photo.develop(light, coverage, coverage, random.Random(0))
    assert made.dtype == np.uint8 and (made[coverage == 0][:, 0] == 255).mean() > 0.95
    inside = made[coverage == 1].astype(int)
    assert (inside[:, 0] > inside[:, 1] + 40).all(), "red to the rim"


def test_colours_are_linear_light():
    np.testing.assert_allclose(materials.linear("#ffffff"), 1)
    np.testing.assert_allclose(materials.linear("#bcbcbc"), 0.5028, atol=1e-3)
    np.testing.assert_allclose(photo.tone(materials.linear("#6a3b22")), np.array([0x6A, 0x3B, 0x22]) / 255, atol=1e-3)


def test_parts_with_fur_are_soft():
    ball = ellipsoid(1, 1, 1)
    parts = [ball.part("body", "fur"), ball.part("nose", "skin"), ball.part("cloud", "skin", shown="lines")]
    hair = fur.grow(parts[:1], [0.1], "fur", lambda points, _: points * 0, random.Random(0), count=20)
    used = {"fur": materials.Material("#ffffff"), "skin": materials.Material("#ffffff")}
    assert Model(parts, used, style="ball", strands=[hair]).soft == [1, 3]
