"""Houses: walls under a gabled or hipped roof, door, windows, chimney."""

import itertools
import math
import random
from collections.abc import Callable

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, Points, ellipsoid, join, loft, prism, rounded_box, turn

WALLS = ("#f1ece0", "#f4f2ee", "#e9dcc0", "#ecd9a0", "#d9a88a", "#c9d3d6", "#b9c7b4", "#8fa9b8", "#a94f3c", "#5f7d6b")
BRICKS = ("#9c4a35", "#a5583c", "#7a3a2c", "#b08a5e")
ROOFS = ("#9c4a31", "#b5583a", "#6f4334", "#4a4b50", "#3b3f47", "#7b3a30", "#54605a", "#3f5566", "#7d6a58")
DOORS = ("#7a2420", "#2e4a3a", "#24405f", "#6b4426", "#f0ede6", "#1f2226", "#c7a23c", "#4a7a82")


def make(rng: random.Random) -> Model:
    wide, deep = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.65)  # half
    floors = rng.choice([1, 1, 2])
    high = rng.uniform(0.45, 0.6) if floors == 1 else rng.uniform(0.82, 1.0)
    pitch = math.tan(math.radians(rng.uniform(30, 50)))
    shape = rng.choices(["gable in front", "gables aside", "hip"], [40, 40, 20])[0]
    half, depth = (wide, deep) if shape == "gable in front" else (deep, wide)
    ridge = high + half * pitch
    outline = [(-half, 0), (half, 0), (half, high), *([(0, ridge - 0.01)] if shape != "hip" else []), (-half, high)]
    body = prism(outline, 2 * depth)
    parts = [body.part("walls", "wall", sharp=20), *_gable_roof(rng, half, depth, high, pitch)]
    if shape == "hip":
        parts[1:] = _hip_roof(rng, half, depth, high, pitch)
    if shape != "gable in front":
        parts = [part.mapped(lambda points: turn(points, "z", -90)) for part in parts]
    parts += _front(rng, wide, deep, high, floors)
    if shape == "gable in front" and wide * pitch > 0.32:
        parts += _window("gable", 0.07, 0.08, lambda p: p + [0, -deep, high + wide * pitch * 0.3])
    size, count = rng.uniform(0.07, 0.09), rng.choice([1, 2])
    for k, (side, floor, y) in enumerate(itertools.product((-90, 90), range(floors), np.linspace(-0.4, 0.4, count))):
        place = (deep * y * (count > 1), -wide, high / floors * (floor + 0.58))
        parts += _window(f"side {k}", size, size * 1.3, lambda p, side=side, place=place: turn(p + place, "z", side))
    if rng.random() < 0.65:
        x, y = rng.uniform(0.3, 0.6) * wide * rng.choice([-1, 1]), rng.uniform(-0.1, 0.3) * deep
        top = ridge + rng.uniform(0.05, 0.15)
        shaft = rounded_box(0.065, 0.065, (top - high) / 2, 0.004).moved(x, y, (top + high) / 2)
        crown = rounded_box(0.08, 0.08, 0.018, 0.005).moved(x, y, top)
        parts += [shaft.part("chimney", "chimney"), crown.part("chimney top", "stone")]
    return Model(
        parts,
        _materials(rng),
        style=f"{shape}/{floors}",
        azimuth=rng.choice([-1, 1]) * rng.choice([0, rng.uniform(0, 12), rng.uniform(20, 48), rng.uniform(20, 48)]),
        elevation=rng.uniform(2, 22),
        field_of_view=rng.uniform(14, 28),
    )


def _hip_roof(rng: random.Random, half: float, depth: float, high: float, pitch: float) -> list[Part]:
    """Four slopes to a ridge along the longer side."""
    over = rng.uniform(0.05, 0.12)
    low = high - over * pitch
    short = min(half, depth) + over
    corners = np.array([(x * (half + over), y * (depth + over), low) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    x, y, top = half + over - short, depth + over - short + 0.01, low + short * pitch
    ridge = [(-x, 0, top), (x, 0, top)] if x > y else [(0, -y, top), (0, y, top)]
    faces = [(0, 1, 5, 4), (1, 2, 5), (2, 3, 4, 5), (3, 0, 4)]
    if x <= y:
        faces = [(0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5)]
    slopes = Mesh(np.vstack([corners, ridge]), [*faces, (3, 2, 1, 0)])
    rim = loft([corners - [0, 0, 0.025], corners + [0, 0, 0.002]])
    return [slopes.part("roof", "roof", sharp=10), rim.part("eaves", "trim", sharp=10)]


def _gable_roof(rng: random.Random, half: float, depth: float, high: float, pitch: float) -> list[Part]:
    """Two slabs under rows of tiles, the ridge along y."""
    over, thick, count = rng.uniform(0.05, 0.12), rng.uniform(0.03, 0.05), rng.randint(7, 11)
    eave, ridge, long = half + over, high + half * pitch, 2 * (depth + over)
    slabs, rows = [], []
    for side in (-1, 1):
        low = ridge - eave * pitch
        outline = [(side * eave, low), (0, ridge), (0, ridge + thick), (side * eave, low + thick)]
        slabs.append(prism(outline, long))
        for k in range(count):
            a, b = eave * (1 - k / count), eave * (1 - (k + 1) / count)
            za, zb = (ridge - x * pitch + thick for x in (a, b))
            step = [(side * a, za), (side * b, zb), (side * b, zb + 0.004), (side * a, za + 0.02)]
            rows.append(prism(step, long - 0.01))
    shown = rng.choice(["photo", "photo", "both"])
    tiles = join(rows).part("tiles", "roof", sharp=10, joined="roof", shown=shown)
    return [join(slabs).part("roof", "trim", sharp=10), tiles]


def _front(rng: random.Random, wide: float, deep: float, high: float, floors: int) -> list[Part]:
    """Door and windows of the front, at y = -deep."""
    storey = high / floors
    tall, half = min(0.36, storey * 0.74), rng.uniform(0.075, 0.1)
    x = rng.choice([0.0, 0.0, -0.5, 0.5]) * wide
    door = rounded_box(half, 0.012, tall / 2, 0.003).moved(x, -deep - 0.006, tall / 2)
    frame = rounded_box(half + 0.02, 0.012, tall / 2 + 0.012, 0.003).moved(x, -deep + 0.002, tall / 2 + 0.01)
    knob = ellipsoid(0.009, 0.009, 0.009, 8, 12).moved(x + half * 0.7, -deep - 0.024, tall * 0.48)
    step = rounded_box(half + 0.05, 0.05, 0.015, 0.004).moved(x, -deep - 0.04, 0.015)
    parts = [frame.part("door frame", "trim"), door.part("door", "door"), step.part("step", "stone")]
    parts.append(knob.part("knob", "metal", shown="photo"))
    size, many = rng.uniform(0.07, 0.095), rng.choice([2, 3])
    for floor in range(floors):
        for k, at in enumerate(np.linspace(-0.62, 0.62, many if floor else 3) * wide):
            if floor or abs(at - x) > half + size + 0.05:
                place = (at, -deep, storey * (floor + 0.58))
                parts += _window(f"{floor} {k}", size, size * 1.3, lambda p, place=place: p + place)
    return parts


def _window(name: str, half: float, tall: float, onto: Callable[[Points], Points]) -> list[Part]:
    """Glass, frame and cross bars around the origin, facing -y, taken to its place by `onto`."""
    glass = rounded_box(half, 0.004, tall, 0.002, steps=2).moved(y=-0.004)
    bars = [rounded_box(half + 0.012, 0.012, 0.012, 0.003, steps=2).moved(y=-0.004, z=z) for z in (-tall, tall)]
    bars += [rounded_box(0.012, 0.012, tall + 0.012, 0.003, steps=2).moved(x=x, y=-0.004) for x in (-half, half)]
    cross = [rounded_box(0.006, 0.008, tall, 0.002, steps=2), rounded_box(half, 0.008, 0.006, 0.002, steps=2)]
    parts = [glass.part(f"glass {name}", "glass"), join(bars).part(f"frame {name}", "trim", shown="photo")]
    parts.append(join(cross).moved(y=-0.004).part(f"cross {name}", "trim"))
    return [part.mapped(onto) for part in parts]


def _materials(rng: random.Random) -> dict[str, materials.Material]:
    kind = rng.choice(["plaster", "plaster", "siding", "bricks"])
    bricks = {"roughness": 0.85, "pattern": "bricks", "second": "#b9b1a4", "scale": rng.uniform(8, 12)}
    wall = materials.Material(rng.choice(WALLS), roughness=0.8, bump=0.15, bump_scale=60.0)
    if kind == "siding":
        wall = materials.paint(rng, rng.choice(WALLS), pattern="planks", scale=rng.uniform(13, 20))
    elif kind == "bricks":
        wall = materials.plastic(rng, rng.choice(BRICKS), **bricks)
    tiles = materials.Material(rng.choice(ROOFS), roughness=0.7, variation=0.3, bump=0.2, bump_scale=40.0)
    return {
        "wall": wall,
        "roof": tiles,
        "trim": materials.paint(rng, rng.choice(["#f4f2ee", "#f4f2ee", "#e8e0d0", "#5a4a3a"])),
        "door": materials.paint(rng, rng.choice(DOORS)),
        "glass": materials.Material("#26313a", roughness=0.05, coat=1.0, variation=0.0),
        "chimney": materials.plastic(rng, rng.choice(BRICKS), **bricks),
        "stone": materials.Material("#a9a49a", roughness=0.8, bump=0.2),
        "metal": materials.metal(rng, "#c9a24a"),
    }
