"""Airplanes: airliners and small propeller planes, nose towards +x."""

import math
import random

import numpy as np

from scenes.kit import materials
from scenes.kit.meshes import Mesh, Model, Part, Points, curve, ellipsoid, lathe, loft, rounded_box, sweep, turn
from scenes.kit.wings import wing

BODIES = ("#f4f4f2", "#f4f4f2", "#e8eaec", "#c9ced3", "#b8322c", "#2b4f86", "#e0b02f", "#7fb0c9", "#2f6a4f", "#e8792f")
ACCENTS = ("#b3242b", "#1f3f7d", "#d9a22b", "#e2701f", "#2a7a57", "#20242a", "#5a2a6b", "#2f8fb5")
JET = [(0, 0.003, 0), (0.015, 0.02, -0.006), (0.05, 0.039, -0.004), (0.12, 0.05, 0), (0.6, 0.05, 0)]
JET += [(0.76, 0.043, 0.007), (0.9, 0.024, 0.022), (1, 0.004, 0.033)]
SMALL = [(0, 0.035, 0), (0.02, 0.052, 0), (0.12, 0.066, 0), (0.3, 0.074, 0.008), (0.5, 0.064, 0.008)]
SMALL += [(0.75, 0.034, 0.012), (1, 0.006, 0.022)]
"""Fuselages: share of the length from the nose, radius, height of the middle."""


def make(rng: random.Random) -> Model:
    kind = rng.choices(["jet", "high wing", "low wing", "biplane"], [50, 20, 18, 12])[0]
    fat = rng.uniform(0.95, 1.25)
    table = curve(np.array(JET if kind == "jet" else SMALL) * [1, fat, fat], 90)
    parts = [_fuselage(table).part("fuselage", "body")]
    parts += _jet(rng, table) if kind == "jet" else _small(rng, table, kind)
    accent, body = rng.choice(ACCENTS), rng.choice(BODIES)
    used = {
        "body": materials.glaze(rng, body, variation=0.05),
        "wing": materials.glaze(rng, rng.choice([body, body, "#c9ced3"]), variation=0.05),
        "tail": materials.glaze(rng, rng.choice([accent, accent, body]), variation=0.05),
        "accent": materials.glaze(rng, accent),
        "glass": materials.glaze(rng, "#1a222b"),
        "metal": materials.metal(rng),
        "dark": materials.plastic(rng, "#17181a"),
    }
    bank, climb = rng.choice([0.0, 0.0, rng.uniform(-16, 16)]), rng.choice([0.0, rng.uniform(0, 12)])
    flying = bool(bank or climb) or kind == "jet"

    def pose(points: Points) -> Points:
        return turn(turn(points, "x", bank), "y", -climb)

    return Model(
        [part.mapped(pose) for part in parts],
        used,
        style=kind,
        azimuth=rng.choice([0, 180]) + rng.choice([rng.uniform(-15, 15), rng.uniform(-55, 55)]),
        elevation=rng.choice([rng.uniform(1, 8), rng.uniform(6, 35)]),
        field_of_view=rng.uniform(10, 24),
        floating=flying,
    )


def _fuselage(table: np.ndarray) -> Mesh:
    angle = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    sections = []
    for share, radius, middle in table:
        y, z = radius * np.cos(angle), middle + radius * np.sin(angle)
        sections.append(np.stack([np.full_like(angle, 0.5 - share), y, z], 1))
    return loft(sections)


def _skin(table: np.ndarray, share: float, degrees: float) -> np.ndarray:
    """A point of the fuselage: 0 degrees is its side of +y, 90 its top."""
    radius, middle = (float(np.interp(share, table[:, 0], table[:, k])) for k in (1, 2))
    a = math.radians(degrees)
    return np.array([0.5 - share, radius * math.cos(a), middle + radius * math.sin(a)])


def _pair(mesh: Mesh, place: np.ndarray, name: str, material: str) -> list[Part]:
    """A wing on both sides."""
    both = {"left": mesh, "right": mesh.scaled(y=-1)}
    return [one.moved(*place).part(f"{name} {side}", material, sharp=50) for side, one in both.items()]


def _jet(rng: random.Random, table: np.ndarray) -> list[Part]:
    radius = float(table[:, 1].max())
    back, chord = math.tan(math.radians(rng.uniform(24, 34))), rng.uniform(0.17, 0.21)
    place = np.array([0.15, 0, -0.6 * radius])
    parts = _pair(wing(rng.uniform(0.42, 0.5), chord, chord * 0.3, back, 0.09), place, "wing", "wing")
    tail = _skin(table, 0.83, 90) - [0, 0, 0.012]
    parts.append(wing(rng.uniform(0.14, 0.18), 0.15, 0.065, 0.75).turned("x", 90).moved(*tail).part("fin", "tail"))
    parts += _pair(wing(0.18, 0.1, 0.045, back, 0.1), _skin(table, 0.875, 0) * [1, 0, 1], "tailplane", "wing")
    count, rows = rng.choice([9, 12, 24]), rng.choice([(0.16,), (0.16,), (0.14, 0.28)])
    for k, y in enumerate(rows):
        for side in (-1, 1):
            engine = np.array([0.14 - 0.8 * y * back, side * y, -0.6 * radius - 0.028])
            parts += _engine(f"{k} {side}", rng.uniform(0.028, 0.034), 0.1, engine)
    for side in (20, 160):
        for k, share in enumerate(np.linspace(0.17, 0.76, count)):
            parts.append(_pane(table, share, side, 0.16 / count).part(f"window {side} {k}", "glass"))
        parts.append(_pane(table, 0.055, 48 if side < 90 else 132, 0.014).part(f"cockpit {side}", "glass"))
        parts.append(_pane(table, 0.13, side - (8 if side < 90 else -8), 0.016).part(f"door {side}", "accent"))
    return parts


def _engine(name: str, radius: float, long: float, place: np.ndarray) -> list[Part]:
    outside = curve([(0.8, 0), (0.93, -0.03), (1.02, 0.06), (1.04, 0.35), (0.95, 0.7), (0.72, 1)], 30)
    hollow = np.vstack([[(0, 0.2), (0.78, 0.2)], outside, [(0, 0.96)]]) * [radius, long]
    fan = lathe(np.array([(0, 0.05), (0.14, 0.11), (0.26, 0.18), (0.77, 0.19)]) * [radius, long], 40, capped=False)
    shell = lathe(hollow, 48).turned("y", -90).moved(*place)
    fan = fan.turned("y", -90).moved(*place)
    return [shell.part(f"engine {name}", "wing", sharp=50), fan.part(f"fan {name}", "dark")]


def _pane(table: np.ndarray, share: float, degrees: float, half: float) -> Mesh:
    """A window that lies on the fuselage."""
    radius = float(np.interp(share, table[:, 0], table[:, 1]))
    pane = rounded_box(min(half, 0.02), min(half * 1.3, 0.02), 0.002, 0.0018, steps=3)
    pane = pane.mapped(lambda p: p - np.stack([0 * p[:, 0], 0 * p[:, 0], p[:, 1] ** 2 / (2 * radius)], 1))
    return pane.turned("x", degrees - 90).moved(*_skin(table, share, degrees))


def _small(rng: random.Random, table: np.ndarray, kind: str) -> list[Part]:
    radius = float(table[:, 1].max())
    span, chord = rng.uniform(0.5, 0.62), rng.uniform(0.15, 0.19)
    heights = {"high wing": [radius * 1.15], "low wing": [-0.6 * radius], "biplane": [-0.75 * radius, radius * 1.9]}[
        kind
    ]
    parts = []
    for k, z in enumerate(heights):
        mesh = wing(
            span * (0.9 if k == 0 and kind == "biplane" else 1), chord, chord * rng.uniform(0.6, 0.95), 0.03, 0.05
        )
        parts += _pair(mesh, np.array([0.29, 0, z]), f"wing {k}", "wing")
    fin = wing(rng.uniform(0.13, 0.17), 0.14, 0.08, 0.5).turned("x", 90).moved(-0.36, 0, 0.03)
    parts.append(fin.part("fin", "tail"))
    parts += _pair(wing(0.19, 0.11, 0.07, 0.15), np.array([-0.37, 0, 0.025]), "tailplane", "tail")
    nose = np.array([0.5, 0, float(table[0, 2])])
    spinner = lathe(curve([(0, 0.06), (0.02, 0.045), (0.033, 0.01), (0.035, -0.01), (0, -0.01)], 20), 32)
    parts.append(spinner.turned("y", 90).moved(*nose).part("spinner", "accent"))
    blades, start = rng.choice([2, 2, 3]), rng.uniform(0, 360)
    for k in range(blades):
        blade = sweep(np.linspace((0.012, 0, 0.02), (0.012, 0, 0.17), 14), 0.016 * np.linspace(1.1, 0.6, 14), 0.004)
        parts.append(blade.turned("x", start + 360 * k / blades).moved(*nose).part(f"blade {k}", "dark"))
    canopy = ellipsoid(0.1, radius * 0.62, radius * 0.75).moved(0.2 if kind == "high wing" else 0.12, 0, radius * 0.75)
    parts.append(canopy.part("canopy", "glass"))
    wheel = lathe(curve([(0, -0.014), (0.03, -0.014), (0.042, 0), (0.03, 0.014), (0, 0.014)], 24), 32).turned("x", 90)
    low = -radius - 0.11
    for side in (-1, 1):
        place = np.array([0.22, side * 0.13, low])
        parts.append(wheel.moved(*place).part(f"wheel {side}", "dark"))
        strut = np.linspace(place, (0.2, side * radius * 0.5, -radius * 0.7), 8)
        parts.append(sweep(strut, 0.009).part(f"leg {side}", "metal"))
        if kind != "low wing":
            low_end = (0.21, side * span * 0.5, heights[0]) if kind == "biplane" else (0.2, side * radius * 0.8, -0.03)
            brace = np.linspace(low_end, (0.22, side * span * 0.55, heights[-1] + span * 0.03), 8)
            parts.append(sweep(brace, 0.007).part(f"brace {side}", "metal"))
    small = wheel.scaled(0.6, 0.6, 0.6).moved(-0.42, 0, -0.035)
    return [*parts, small.part("tail wheel", "dark")]
