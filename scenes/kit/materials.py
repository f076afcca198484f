"""What a part is made of, as data: a scene names it, and `nodes` makes Blender's material of it."""

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

PATTERNS = ("plain", "spots", "stripes", "planks", "dip", "grain", "check", "bricks")


@dataclass(frozen=True)
class Material:
    """A principled surface. Colours are sRGB such as "#c8703a"; what has no other range goes from 0 to 1."""

    colour: str
    roughness: float = 0.4
    metallic: float = 0.0
    coat: float = 0.0
    """A clear layer over it, as on a glaze."""
    sheen: float = 0.0
    """Fibres that shine at the rim, as of velvet."""
    subsurface: float = 0.0
    """Light wanders inside, as in cream."""
    translucent: float = 0.0
    """Light goes through, as through a sail."""
    painted: bool = False
    """The parts' own colours, times `colour`."""
    variation: float = 0.15
    """How much darker than `colour` it is in places."""
    pattern: str = "plain"
    """One of `PATTERNS`."""
    second: str = "#f4f1ea"
    """The other colour of a pattern."""
    scale: float = 5.0
    """How many times a pattern repeats in a length of 1."""
    amount: float = 0.3
    """The second colour's share; of "dip" the height where it ends."""
    axis: str = "z"
    """Along which stripes, planks and grain change or run."""
    bump: float = 0.0
    """How rough to look at."""
    bump_scale: float = 40.0
    """How fine that is, in lumps a length of 1."""


def glaze(rng: random.Random, colour: str, **more: Any) -> Material:
    """Glossy ceramic."""
    return Material(colour, **{"roughness": rng.uniform(0.08, 0.22), "coat": rng.uniform(0.4, 1), **more})


def paint(rng: random.Random, colour: str, **more: Any) -> Material:
    """A smooth coat of paint, matt or glossy."""
    return Material(colour, **{"roughness": rng.uniform(0.15, 0.5), "coat": rng.choice([0, 0, 0.6]), **more})


def wood(rng: random.Random, colour: str, axis: str = "z", **more: Any) -> Material:
    """With its grain along an axis."""
    look = {"roughness": rng.uniform(0.25, 0.5), "coat": rng.choice([0, 0.3]), "scale": rng.uniform(1.2, 2.5)}
    return Material(colour, pattern="grain", axis=axis, **{**look, "bump": 0.05, **more})


def metal(rng: random.Random, colour: str = "#c9c9c9", **more: Any) -> Material:
    return Material(colour, metallic=1.0, variation=0.0, **{"roughness": rng.uniform(0.15, 0.35), **more})


def fabric(rng: random.Random, colour: str, **more: Any) -> Material:
    """Woven."""
    look = {"sheen": rng.uniform(0.1, 0.4), "bump": 0.3, "bump_scale": rng.uniform(90, 200)}
    return Material(colour, roughness=0.9, **{**look, **more})


def plastic(rng: random.Random, colour: str, **more: Any) -> Material:
    return Material(colour, variation=0.0, **{"roughness": rng.uniform(0.2, 0.45), **more})


def linear(colour: str) -> np.ndarray:
    """An sRGB colour such as "#c8703a" as linear RGB, float (3,) from 0 to 1 (IEC 61966-2-1)."""
    encoded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Between two colours (..., 3), `share` (...) of the second."""
    return first + (second - first) * np.asarray(share)[..., None]


# ---------------------------------------------------------------- as nodes of Blender


def nodes(name: str, material: Material) -> Any:
    """The `bpy.types.Material`."""
    import bpy  # pyright: ignore[reportMissingImports]

    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = _Tree(made.node_tree)
    base = _rgba(material.colour)
    dark = _rgba(material.colour, 0.55)
    vague = tree.math("MULTIPLY", tree.noise(3.0), 2 * material.variation)
    colour: Any = tree.mix(vague, base, dark) if material.variation else base
    colour, relief = _patterned(tree, material, colour)
    if material.painted:
        own = tree.add("Attribute", attribute_name="colour").outputs[0]
        colour = tree.mix(1.0, colour, own, "MULTIPLY")
    surface = tree.tree.nodes["Principled BSDF"]
    values = {
        "Base Color": colour,
        "Roughness": material.roughness,
        "Metallic": material.metallic,
        "Coat Weight": material.coat,
        "Coat Roughness": 0.06,
        "Sheen Weight": material.sheen,
        "Subsurface Weight": material.subsurface,
        "Subsurface Scale": 0.03,
    }
    tree.put(surface, values)
    normal = None
    if relief is not None:
        normal = tree.add("Bump", {"Height": relief, "Strength": 0.7, "Distance": 0.02}).outputs[0]
    if material.bump:
        fine = {"Height": tree.noise(material.bump_scale), "Strength": material.bump, "Distance": 0.5}
        fine["Distance"] = 0.4 / material.bump_scale
        if normal is not None:
            fine["Normal"] = normal
        normal = tree.add("Bump", fine).outputs[0]
    if normal is not None:
        tree.put(surface, {"Normal": normal})
    if material.translucent:
        through = tree.add("BsdfTranslucent", {"Color": colour})
        both = tree.add("MixShader", {0: material.translucent, 1: surface.outputs[0], 2: through.outputs[0]})
        tree.put(tree.tree.nodes["Material Output"], {"Surface": both.outputs[0]})
    return made


def _rgba(colour: str, times: float = 1.0) -> list[float]:
    return [*(linear(colour) * times), 1.0]


def _patterned(tree: "_Tree", material: Material, colour: Any) -> tuple[Any, Any]:
    """The colour with the pattern over it, and how high it stands out (None: not at all)."""
    assert material.pattern in PATTERNS, material.pattern
    second, scale, amount = _rgba(material.second), material.scale, material.amount
    along = tree.coordinate(material.axis)
    relief = None
    match material.pattern:
        case "spots":
            distance = tree.add("TexVoronoi", {"Scale": scale}).outputs[0]
            colour = tree.mix(tree.math("LESS_THAN", distance, amount), colour, second)
        case "stripes":
            colour = tree.mix(tree.math("LESS_THAN", tree.repeat(along, scale), amount), colour, second)
        case "planks":
            within = tree.repeat(along, scale)
            gap = tree.math("LESS_THAN", within, 0.08)
            colour = tree.mix(tree.math("MULTIPLY", gap, 0.7), colour, _rgba(material.colour, 0.2))
            relief = tree.math("SUBTRACT", 1.0, tree.math("MAXIMUM", gap, tree.math("MULTIPLY", within, 0.4)))
        case "check":
            for axis in "xyz":
                band = tree.math("LESS_THAN", tree.repeat(tree.coordinate(axis), scale), 0.4)
                colour = tree.mix(tree.math("MULTIPLY", band, 0.45), colour, second)
        case "dip":
            wavy = tree.math("ADD", along, tree.math("MULTIPLY", tree.math("SUBTRACT", tree.noise(4.0), 0.5), 0.12))
            colour = tree.mix(tree.math("LESS_THAN", wavy, amount), colour, second)
        case "grain":
            fine = {"x": (1, 14, 14), "y": (14, 1, 14), "z": (14, 14, 1)}[material.axis]
            fibres = tree.noise(scale, tree.add("Mapping", {"Vector": tree.position, "Scale": fine}).outputs[0])
            sharp = tree.add("MapRange", {"Value": fibres, "From Min": 0.35, "From Max": 0.65}).outputs[0]
            colour = tree.mix(tree.math("MULTIPLY", sharp, 0.7), colour, _rgba(material.colour, 0.45))
        case "bricks":
            flat = tree.math("ADD", tree.coordinate("x"), tree.coordinate("y"))
            place = tree.add("CombineXYZ", {"X": flat, "Y": tree.coordinate("z")}).outputs[0]
            look = {"Vector": place, "Scale": scale, "Mortar": second, "Mortar Size": 0.02, "Row Height": 0.2}
            wall = tree.add("TexBrick", {**look, "Color1": colour, "Color2": _rgba(material.colour, 0.7)})
            colour, relief = wall.outputs[0], tree.math("SUBTRACT", 1.0, wall.outputs[1])
    return colour, relief


class _Tree:
    """Short ways to add nodes; what goes into a socket is a number, a colour or another node's socket."""

    def __init__(self, tree: Any):
        self.tree = tree
        self.position = self.add("TexCoord").outputs["Object"]

    def add(self, kind: str, inputs: dict | None = None, **properties: Any) -> Any:
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in properties.items():
            setattr(node, name, value)
        self.put(node, inputs or {})
        return node

    def put(self, node: Any, inputs: dict) -> None:
        for key, value in inputs.items():
            if hasattr(value, "is_linked"):
                self.tree.links.new(value, node.inputs[key])
            else:
                node.inputs[key].default_value = value

    def math(self, operation: str, first: Any, second: Any = 0.0) -> Any:
        return self.add("Math", {0: first, 1: second}, operation=operation).outputs[0]

    def mix(self, share: Any, first: Any, second: Any, how: str = "MIX") -> Any:
        return self.add("Mix", {0: share, 6: first, 7: second}, data_type="RGBA", blend_type=how).outputs[2]

    def noise(self, scale: float, vector: Any = None) -> Any:
        inputs = {"Vector": vector or self.position, "Scale": scale, "Detail": 4.0}
        return self.add("TexNoise", inputs).outputs[0]

    def coordinate(self, axis: str) -> Any:
        return self.add("SeparateXYZ", {"Vector": self.position}).outputs["xyz".index(axis)]

    def repeat(self, along: Any, times: float) -> Any:
        """0 to 1, so many times in a length of 1."""
        return self.math("FRACT", self.math("ADD", self.math("MULTIPLY", along, times), 100.0))
