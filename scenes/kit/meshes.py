"""Meshes by NumPy alone: turned, swept, puffed, and the model that a scene makes of them.

A model stands on the ground with z upwards and its front towards -y, so that x runs to the right of who looks at it.
Lengths have no unit: every picture is framed to its object.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from scenes.kit.materials import Material

LOWEST = 0.6
"""Degrees."""
Points = np.ndarray
"""float (n, 3)."""


@dataclass(frozen=True)
class Mesh:
    """A surface of polygons."""

    vertices: Points
    faces: list[tuple[int, ...]]
    """Numbers of vertices."""
    centre: Points | None = None
    """The line through the middle of something thin, which people draw as one stroke."""

    def mapped(self, function: Callable[[Points], Points]) -> "Mesh":
        """With every point moved to where `function` says."""
        return replace(
            self,
            vertices=np.asarray(function(self.vertices), float),
            centre=None if self.centre is None else np.asarray(function(self.centre), float),
        )

    def bare(self) -> "Mesh":
        """Without its middle line: people draw its outline, however thin it looks."""
        return replace(self, centre=None)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Mesh":
        return self.mapped(lambda points: points + [x, y, z])

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> "Mesh":
        return self.mapped(lambda points: points * [x, y, z])

    def turned(self, axis: str, degrees: float) -> "Mesh":
        return self.mapped(lambda points: turn(points, axis, degrees))

    def part(self, name: str, material: str, **more) -> "Part":
        """This mesh as a part of a model; `more` are fields of `Part`."""
        return Part(name, material, self.vertices, self.faces, self.centre, **more)


@dataclass
class Part:
    """One part of a model: a line is drawn where it meets another."""

    name: str
    material: str
    """The key of its material in `Model.materials`."""
    vertices: Points
    faces: list[tuple[int, ...]]
    centre: Points | None = None
    colours: np.ndarray | None = None
    """float (n, 3), linear RGB from 0 to 1 at every vertex, for a material that is `painted`."""
    joined: str = ""
    """The name of a part that this one belongs to: no line between the two."""
    shown: str = "both"
    """"photo": in no line drawing, like leaves and seams; "lines": in these alone, like the cloud that leaves make."""
    sharp: float = 40.0
    """Degrees; faces that meet at more are shaded with an edge between them."""

    def mapped(self, function: Callable[[Points], Points]) -> "Part":
        """With every point moved to where `function` says."""
        moved = Mesh(self.vertices, self.faces, self.centre).mapped(function)
        return replace(self, vertices=moved.vertices, centre=moved.centre)


@dataclass
class Strands:
    """Hair."""

    material: str
    points: np.ndarray
    """float (n, 4, 3), from root to tip."""
    colours: np.ndarray
    """float (n, 3), linear RGB from 0 to 1."""
    radius: float
    """At the root."""


@dataclass
class Model:
    """What a scene makes."""

    parts: list[Part]
    materials: dict[str, Material]
    style: str
    """Of which kind it is, for the manifest."""
    azimuth: float = 0.0
    """Degrees; 0 looks at the front, 90 at the side of +x."""
    elevation: float = 10.0
    """Degrees; 90 looks from above. At least `LOWEST`: below the ground, that would be in front of all."""
    field_of_view: float = 18.0
    """Degrees."""
    floating: bool = False
    """In the air: it throws no shadow."""
    strands: list[Strands] = field(default_factory=list)
    softness: float = 1.0
    """How far the ragged rim of fur or leaves is smoothed in lines, in pixels of a picture of 256."""

    def __post_init__(self) -> None:
        self.elevation = max(self.elevation, LOWEST)

    @property
    def soft(self) -> list[int]:
        """The numbers, from 1, of the parts whose rim is where the photo's fur or leaves end."""
        furry = {strands.material for strands in self.strands}
        numbered = enumerate(self.parts, 1)
        return [number for number, part in numbered if part.shown == "lines" or part.material in furry]

    @property
    def vertices(self) -> Points:
        """All that must be in the picture."""
        return np.concatenate([part.vertices for part in self.parts] + [s.points[:, -1] for s in self.strands])


class SceneError(Exception):
    """A model that cannot be rendered: a defect of its scene."""


def check(model: Model) -> Model:
    """The model, if it can be rendered.

    Raises:
      SceneError: no faces, points that are no numbers, a part without its material.
    """
    if not any(part.faces for part in model.parts):
        raise SceneError("it makes nothing: no part has a face")
    for one in [*model.parts, *model.strands]:
        what = f"part {one.name!r}" if isinstance(one, Part) else "hair"
        if one.material not in model.materials:
            known = ", ".join(map(repr, model.materials)) or "none"
            raise SceneError(f"{what} has no material: it names {one.material!r}, and there are {known}")
        if not np.isfinite(one.vertices if isinstance(one, Part) else one.points).all():
            raise SceneError(f"{what} has points that are not finite numbers")
    return model


# ---------------------------------------------------------------- lines


def turn(points: Points, axis: str, degrees: float) -> Points:
    """Points turned about the x, y or z axis, counter-clockwise for who looks against it."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turned = np.array(points, float)
    a, b = turned[..., first].copy(), turned[..., second].copy()
    turned[..., first], turned[..., second] = c * a - s * b, s * a + c * b
    return turned


def curve(points: ArrayLike, count: int = 40) -> np.ndarray:
    """A smooth curve through points (k, d): centripetal Catmull-Rom, which makes no loops. float (count, d)."""
    given = np.asarray(points, float)
    knots = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(given, axis=0), axis=1) ** 0.5)])
    padded = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    where = np.linspace(0, knots[-1], count)
    i = np.clip(np.searchsorted(knots, where, side="right") - 1, 0, len(given) - 2)
    u = ((where - knots[i]) / np.maximum(knots[i + 1] - knots[i], 1e-9))[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    return p1 + 0.5 * u * (p2 - p0 + u * (2 * p0 - 5 * p1 + 4 * p2 - p3 + u * (3 * (p1 - p2) + p3 - p0)))


def bezier(points: ArrayLike, count: int = 40) -> np.ndarray:
    """The Bézier curve of control points (k, d); float (count, d)."""
    control, t = np.asarray(points, float), np.linspace(0, 1, count)[:, None]
    last = len(control) - 1
    weights = [math.comb(last, k) * (1 - t) ** (last - k) * t**k for k in range(last + 1)]
    return sum((w * p for w, p in zip(weights, control, strict=True)), np.zeros((count, control.shape[1])))


def circle(radius: float, count: int = 96, z: float = 0.0) -> Points:
    """A level circle, its end not repeated."""
    angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(count, z)], 1)


# ---------------------------------------------------------------- surfaces


def grid(points: np.ndarray, *, around: bool = False, along: bool = False) -> Mesh:
    """The surface through points (n, m, 3); `around` joins its last column to the first, `along` its rows."""
    n, m = points.shape[:2]
    rows, columns = n if along else n - 1, m if around else m - 1
    faces = [
        (i * m + j, i * m + (j + 1) % m, (i + 1) % n * m + (j + 1) % m, (i + 1) % n * m + j)
        for i in range(rows)
        for j in range(columns)
    ]
    return Mesh(points.reshape(-1, 3), faces)


def sheet(function: Callable[[np.ndarray, np.ndarray], np.ndarray], rows: int = 20, columns: int = 13) -> Mesh:
    """The surface `function(u, v)` -> (..., 3), u from 0 to 1 over the rows, v from -1 to 1 across."""
    u, v = np.meshgrid(np.linspace(0, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    return grid(function(u, v))


def loft(sections: Sequence[np.ndarray]) -> Mesh:
    """A closed body through outlines of (m, 3) points each, ended by its first and last."""
    body = grid(np.stack(sections), around=True)
    m, last = len(sections[0]), (len(sections) - 1) * len(sections[0])
    return replace(body, faces=body.faces + [tuple(range(m))[::-1], tuple(range(last, last + m))])


def lathe(profile: ArrayLike, segments: int = 96, ripple: Callable | None = None, *, capped: bool = True) -> Mesh:
    """A profile of (radius, height) turned about the z axis.

    Args:
      capped: flat ends close it where the profile does not begin or end on the axis.
      ripple: what the radius is multiplied by, of the angle in radians and the share 0 to 1 of the height.
    """
    given = np.asarray(profile, float)
    angle = np.linspace(0, 2 * math.pi, segments, endpoint=False)[None]
    radius, height = np.maximum(given[:, :1], 1e-5), given[:, 1:]
    if ripple is not None:
        radius = radius * ripple(angle, (height - height.min()) / max(float(np.ptp(height)), 1e-9))
    x, y, z = np.broadcast_arrays(radius * np.cos(angle), radius * np.sin(angle), height)
    surface = np.stack([x, y, z], -1)
    return loft(list(surface)) if capped else grid(surface, around=True)


def sweep(
    path: ArrayLike,
    radius: ArrayLike,
    height: ArrayLike | None = None,
    *,
    segments: int = 20,
    power: float = 2.0,
    up: ArrayLike = (0, 0, 1),
    closed: bool = False,
) -> Mesh:
    """A tube along a path of (n, 3) points, which becomes its `centre`.

    Args:
      radius: half its width across `up`, one number or n.
      height: half its width along `up`; `radius` when None.
      power: of the superellipse that is its section: 2 is an ellipse, 4 nearly a box.
      closed: the path is a ring.
    """
    points = np.asarray(path, float)
    n = len(points)
    wide = np.broadcast_to(np.asarray(radius, float), (n,))
    high = wide if height is None else np.broadcast_to(np.asarray(height, float), (n,))
    tangents = np.roll(points, -1, 0) - np.roll(points, 1, 0) if closed else np.gradient(points, axis=0)
    tangents = tangents / np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-12)
    side = np.cross(tangents[0], np.asarray(up, float))
    if np.linalg.norm(side) < 0.05:
        side = np.cross(tangents[0], (1.0, 0.0, 0.0))
    sides = []
    for tangent in tangents:  # carried along without a twist
        side = side - tangent * (tangent @ side)
        side = side / np.linalg.norm(side)
        sides.append(side)
    across = np.array(sides)
    upwards = np.cross(across, tangents)
    angle = np.linspace(0, 2 * math.pi, segments, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    stretch = (np.abs(c) ** power + np.abs(s) ** power) ** (-1 / power)
    rings = (
        points[:, None]
        + across[:, None] * (wide[:, None] * c * stretch)[..., None]
        + upwards[:, None] * (high[:, None] * s * stretch)[..., None]
    )
    tube = grid(rings, around=True, along=True) if closed else loft(list(rings))
    return replace(tube, centre=np.vstack([points, points[:1]]) if closed else points)


def ellipsoid(x: float, y: float, z: float, rows: int = 36, columns: int = 48) -> Mesh:
    """About the origin, with these half axes."""
    t = np.linspace(0, math.pi, rows)
    return lathe(np.stack([np.sin(t), -np.cos(t)], 1), columns).scaled(x, y, z)


def rounded_box(x: float, y: float, z: float, radius: float = 0.01, puff: float = 0.0, steps: int = 8) -> Mesh:
    """About the origin, with these half sizes; `puff` blows its sides up like a cushion's, by so much of a size."""
    half = np.array([x, y, z])
    radius = min(radius, half.min() * 0.999)
    edge = radius * (1 - np.cos(np.linspace(0, math.pi / 2, 5)))  # close together where it is round
    mesh = Mesh(np.zeros((0, 3)), [])
    for axis in range(3):
        first, second = (k for k in range(3) if k != axis)
        lines = [
            np.unique(np.concatenate([-h + edge, np.linspace(-h + radius, h - radius, steps), h - edge]).round(9))
            for h in (half[first], half[second])
        ]
        a, b = np.meshgrid(*lines, indexing="ij")
        for sign in (-1, 1):
            face = np.empty((*a.shape, 3))
            face[..., first], face[..., second], face[..., axis] = a, b, sign * half[axis]
            outwards = sign * (1 if axis == 1 else -1)
            mesh = join([mesh, grid(face[:, ::outwards])])
    inner = np.clip(mesh.vertices, -(half - radius), half - radius)
    out = mesh.vertices - inner
    points = inner + radius * out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    share = np.clip(np.abs(points) / half, 0, 1)
    for axis in range(3):
        others = [k for k in range(3) if k != axis]
        dome = share[:, axis] ** 2 * np.prod(1 - share[:, others] ** 2, axis=1) ** 0.7
        points[:, axis] += np.sign(points[:, axis]) * dome * puff * half[axis]
    return Mesh(points, mesh.faces)


def prism(outline: ArrayLike, depth: float) -> Mesh:
    """An outline of (x, z) points, corners sharp, from y = -depth/2 to y = depth/2."""
    flat = np.asarray(outline, float)
    ends = [np.insert(flat, 1, y, axis=1) for y in (-depth / 2, depth / 2)]
    return loft(ends)


def join(meshes: Sequence[Mesh]) -> Mesh:
    """Several as one, without a middle line."""
    vertices, faces, first = [], [], 0
    for mesh in meshes:
        vertices.append(mesh.vertices)
        faces += [tuple(number + first for number in face) for face in mesh.faces]
        first += len(mesh.vertices)
    return Mesh(np.concatenate(vertices), faces)


def scatter(mesh: Mesh, places: Points, towards: Points, sizes: np.ndarray, rng: random.Random) -> Mesh:
    """A copy of a mesh at each of (n, 3) places, its z axis along `towards` (n, 3), spun at random, of n sizes."""
    z = towards / np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    helper = np.where(np.abs(z[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(z, x)
    spin = np.array([rng.uniform(0, 2 * math.pi) for _ in places])[:, None]
    x, y = x * np.cos(spin) + y * np.sin(spin), y * np.cos(spin) - x * np.sin(spin)
    axes = np.stack([x, y, z], 1) * np.asarray(sizes)[:, None, None]
    vertices = np.asarray(places)[:, None] + mesh.vertices @ axes
    count = len(mesh.vertices)
    faces = [tuple(k + i * count for k in face) for i in range(len(places)) for face in mesh.faces]
    return Mesh(vertices.reshape(-1, 3), faces)


def noise(points: Points, frequency: float, seed: int) -> np.ndarray:
    """Smooth noise of about -1 to 1 at points (..., 3), as a sum of sines of random directions."""
    numbers = np.random.default_rng(seed)
    waves = numbers.normal(size=(7, 3))
    waves *= frequency * numbers.uniform(0.6, 1.7, (7, 1)) / np.linalg.norm(waves, axis=1, keepdims=True)
    return np.sin(np.asarray(points) @ waves.T * 2 * math.pi + numbers.uniform(0, 2 * math.pi, 7)).mean(-1) * 1.6


def smoothstep(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
