"""Houses: walls under a gabled or hipped roof, door, windows, chimney."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, join, lathe, loft, prism, rounded_box

WALLS = ("#f1ece0", "#f4f2ee", "#e9dcc0", "#ecd9a0", "#d9a88a", "#c9d3d6", "#b9c7b4", "#8fa9b8", "#a94f3c", "#5f7d6b")
BRICKS = ("#9c4a35", "#a5583c", "#7a3a2c", "#b08a5e")
ROOFS = ("#9c4a31", "#b5583a", "#6f4334", "#4a4b50", "#3b3f47", "#7b3a30", "#54605a", "#3f5566", "#7d6a58")
DOORS = ("#7a2420", "#2e4a3a", "#24405f", "#6b4426", "#f0ede6", "#1f2226", "#c7a23c", "#4a7a82")


def make(rng: random.Random) -> Model:
    wide, deep = rng.uniform(0.45, 0.7), rng.uniform(0.42, 0.65)  # half
    floors = rng.choice([1, 1, 2])
    high = rng.uniform(0.45, 0.6) if floors == 1 else rng.uniform(0.82, 1.0)
    pitch = math.tan(math.radians(rng.uniform(30, 50)))
    hipped = rng.random() < 0.2
    gable_front = not hipped and rng.random() < 0.5
    parts = [_walls(wide, deep, high, pitch, hipped, gable_front).part("walls", "wall", sharp=20)]
    roof, ridge = _roof(rng, wide, deep, high, pitch, hipped, gable_front)
    parts += roof
    parts += _front(rng, wide, deep, high, floors, gable_front, pitch)
    parts += _sides(rng, wide, deep, high, floors)
    chimney = rng.random() < 0.65
    if chimney:
        x, y = (rng.uniform(0.3, 0.6) * wide * rng.choice([-1, 1]), rng.uniform(-0.1, 0.3) * deep)
        top = ridge + rng.uniform(0.05, 0.15)
        low = high
        shaft = rounded_box(0.065, 0.065, (top - low) / 2, 0.004).moved(x, y, (top + low) / 2)
        crown = rounded_box(0.08, 0.08, 0.018, 0.005).moved(x, y, top)
        parts += [shaft.part("chimney", "chimney"), crown.part("chimney top", "stone")]
    if rng.random() < 0.5:
        plinth = rounded_box(wide + 0.015, deep + 0.015, 0.035, 0.004).moved(z=0.035)
        parts.append(plinth.part("plinth", "stone"))
    return Model(
        parts,
        _materials(rng),
        style=f"{'hip' if hipped else 'gable'}/{floors}",
        azimuth=rng.choice([-1, 1]) * rng.choice([0, rng.uniform(0, 12), rng.uniform(20, 48), rng.uniform(20, 48)]),
        elevation=rng.uniform(2, 22),
        field_of_view=rng.uniform(14, 28),
    )


def _walls(wide: float, deep: float, high: float, pitch: float, hipped: bool, gable_front: bool) -> Mesh:
    half, depth = (wide, deep) if gable_front else (deep, wide)
    outline = [(-half, 0), (half, 0), (half, high)]
    if not hipped:
        outline.append((0, high + half * pitch - 0.01))
    outline.append((-half, high))
    body = prism(outline, 2 * depth)
    return body if gable_front else body.turned("z", 90)


def _roof(rng, wide, deep, high, pitch, hipped, gable_front) -> tuple[list[Part], float]:
    """Two slabs, or four slopes, and the height of their ridge."""
    over, thick = rng.uniform(0.05, 0.12), rng.uniform(0.02, 0.035)
    if hipped:
        flat = abs(wide - deep) + 0.02
        low = high - over * pitch
        eaves = [(x * (wide + over), y * (deep + over), low) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        top = low + (min(wide, deep) + over) * pitch
        along = (flat, 0.0) if wide >= deep else (0.0, flat)
        ends = [(-along[0], -along[1], top), (along[0], along[1], top)]
        corners = np.array([*eaves, *ends])
        if wide >= deep:
            faces = [(0, 1, 5, 4), (1, 2, 5), (2, 3, 4, 5), (3, 0, 4)]
        else:
            faces = [(0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5)]
        slopes = Mesh(corners, [*faces, (3, 2, 1, 0)])
        rim = loft([np.array(eaves) - [0, 0, thick], np.array(eaves) + [0, 0, 0.002]])
        return [slopes.part("roof", "roof", sharp=10), rim.part("eaves", "trim", sharp=10)], top
    half, depth = (wide, deep) if gable_front else (deep, wide)
    eave, ridge = half + over, high + half * pitch
    low = ridge - eave * pitch
    slabs = []
    for side in (-1, 1):
        outline = [(side * eave, low), (0, ridge), (0, ridge + thick * 1.4), (side * eave, low + thick * 1.4)]
        slabs.append(prism(outline, 2 * (depth + over)))
    courses = []
    count = rng.randint(7, 11)
    for side in (-1, 1):  # rows of tiles, each a step
        for k in range(count):
            a, b = eave * (1 - k / count), eave * (1 - (k + 1) / count)
            za, zb = ridge - a * pitch + thick * 1.4, ridge - b * pitch + thick * 1.4
            outline = [(side * a, za), (side * b, zb), (side * b, zb + 0.004), (side * a, za + 0.02)]
            courses.append(prism(outline, 2 * (depth + over) - 0.01))
    rows = rng.choice(["photo", "photo", "both"])
    made = [
        join(slabs).part("roof", "trim", sharp=10),
        join(courses).part("tiles", "roof", sharp=10, joined="roof", shown=rows),
    ]
    if not gable_front:
        made = [part.mapped(lambda p: np.stack([p[:, 1], -p[:, 0], p[:, 2]], 1)) for part in made]
    return made, ridge + thick


def _front(rng, wide, deep, high, floors, gable_front, pitch) -> list[Part]:
    """Door and windows of the front, at y = -deep."""
    storey = high / floors
    tall, half = min(0.36, storey * 0.74), rng.uniform(0.075, 0.1)
    place = rng.choice([0.0, 0.0, -0.5, 0.5]) * wide
    door = rounded_box(half, 0.012, tall / 2, 0.003).moved(place, -deep - 0.006, tall / 2)
    frame = rounded_box(half + 0.02, 0.012, tall / 2 + 0.012, 0.003).moved(place, -deep + 0.002, tall / 2 + 0.01)
    knob = lathe([(0, -0.009), (0.009, 0), (0, 0.009)], 12).moved(place + half * 0.7, -deep - 0.024, tall * 0.48)
    step = rounded_box(half + 0.05, 0.05, 0.015, 0.004).moved(place, -deep - 0.04, 0.015)
    parts = [
        frame.part("door frame", "trim"),
        door.part("door", "door"),
        knob.part("knob", "metal", shown="photo"),
        step.part("step", "stone"),
    ]
    if rng.random() < 0.3:
        roof = prism([(-half - 0.09, 0), (half + 0.09, 0), (0, 0.09)], 0.16).moved(place, -deep - 0.07, tall + 0.05)
        parts.append(roof.part("porch", "roof", sharp=10))
    size = rng.uniform(0.07, 0.095)
    shutters = rng.random() < 0.3
    for floor in range(floors):
        z = storey * (floor + 0.58)
        for k, x in enumerate(np.linspace(-0.62, 0.62, rng.choice([2, 3]) if floors > 1 else 3) * wide):
            if floor or abs(x - place) > half + size + 0.05:
                parts += _window(f"{floor} {k}", size, size * 1.3, shutters, lambda p, x=x, z=z: p + [x, -deep, z])
    if gable_front and wide * pitch > 0.32:
        parts += _window("gable", size * 0.8, size * 0.9, False, lambda p: p + [0, -deep, high + wide * pitch * 0.3])
    return parts


def _sides(rng, wide, deep, high, floors) -> list[Part]:
    """Windows of both sides."""
    parts = []
    size, count = rng.uniform(0.07, 0.09), rng.choice([1, 2])
    for side in (-1, 1):
        for floor in range(floors):
            for k, y in enumerate(np.linspace(-0.45, 0.45, count) * deep if count > 1 else [0.0]):
                z = high / floors * (floor + 0.58)

                def onto(p: np.ndarray, y=y, z=z, side=side) -> np.ndarray:
                    return np.stack([-side * p[:, 1] + side * wide, side * p[:, 0] + y, p[:, 2] + z], 1)

                parts += _window(f"side {side} {floor} {k}", size, size * 1.3, False, onto)
    return parts


def _window(name: str, half: float, tall: float, shutters: bool, onto) -> list[Part]:
    """Glass, frame and cross bars around the origin, facing -y, taken to its place by `onto`."""
    glass = rounded_box(half, 0.004, tall, 0.002, steps=2).moved(y=-0.004)
    bars = [rounded_box(half + 0.012, 0.012, 0.012, 0.003, steps=2).moved(y=-0.004, z=z) for z in (-tall, tall)]
    bars += [rounded_box(0.012, 0.012, tall + 0.012, 0.003, steps=2).moved(x=x, y=-0.004) for x in (-half, half)]
    cross = [rounded_box(0.006, 0.008, tall, 0.002, steps=2), rounded_box(half, 0.008, 0.006, 0.002, steps=2)]
    parts = [
        glass.part(f"glass {name}", "glass"),
        join(bars).part(f"frame {name}", "trim", shown="photo"),
        join(cross).moved(y=-0.004).part(f"cross {name}", "trim"),
    ]
    if shutters:
        for x in (-1, 1):
            wing = rounded_box(half * 0.5, 0.008, tall + 0.012, 0.003, steps=2).moved(x * (half * 1.5 + 0.02), -0.008)
            parts.append(wing.part(f"shutter {name} {x}", "door"))
    return [part.mapped(onto) for part in parts]


def _materials(rng: random.Random) -> dict[str, materials.Material]:
    kind = rng.choice(["plaster", "plaster", "siding", "bricks"])
    wall = materials.Material(rng.choice(WALLS), roughness=0.8, bump=0.15, bump_scale=60.0)
    if kind == "siding":
        wall = materials.paint(rng, rng.choice(WALLS), pattern="planks", scale=rng.uniform(13, 20))
    elif kind == "bricks":
        wall = materials.Material(
            rng.choice(BRICKS), roughness=0.85, pattern="bricks", second="#b9b1a4", scale=rng.uniform(8, 11)
        )
    tiles = materials.Material(rng.choice(ROOFS), roughness=0.7, variation=0.3, bump=0.2, bump_scale=40.0)
    return {
        "wall": wall,
        "roof": tiles,
        "trim": materials.paint(rng, rng.choice(["#f4f2ee", "#f4f2ee", "#e8e0d0", "#5a4a3a"])),
        "door": materials.paint(rng, rng.choice(DOORS)),
        "glass": materials.Material("#26313a", roughness=0.05, coat=1.0, variation=0.0),
        "chimney": materials.Material(
            rng.choice(BRICKS), roughness=0.85, pattern="bricks", second="#b9b1a4", scale=12.0
        ),
        "stone": materials.Material("#a9a49a", roughness=0.8, bump=0.2),
        "metal": materials.metal(rng, "#c9a24a"),
    }
