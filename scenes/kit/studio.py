"""The white studio in Blender: a model under softboxes, seen by a camera framed to it, and what Cycles sees there.

bpy is one scene a process, without threads: every function here works on that scene.
"""

import math
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy  # pyright: ignore[reportMissingImports]
import numpy as np
import OpenEXR  # pyright: ignore[reportMissingImports]
from mathutils import Vector  # pyright: ignore[reportMissingImports]

from scenes.kit import materials
from scenes.kit.meshes import Model, Part, Points, Strands

VERSION = (5, 0)
"""Of bpy, which the scenes are written for: others have other nodes."""
DEVICES = ("cpu", "gpu")
FINE = 3
"""Geometry passes are so many times larger than the picture."""
_FILL = 0.84
"""The longer side of the model in the picture."""
HAIR = 250
"""Number of hair in `Geometry.part`."""


class NoDeviceError(Exception):
    """Cycles finds no GPU."""


@dataclass
class Geometry:
    """What is seen at the middle of each pixel, at `FINE` times the picture's side."""

    part: np.ndarray
    """int (h, w): 0 nothing, else one more than the part's place in `Model.parts`, or `HAIR`."""
    normal: np.ndarray
    """float (h, w, 3)."""
    depth: np.ndarray
    """float (h, w), from the camera; 0 where there is nothing."""


def reset(device: str) -> None:
    """An empty scene, rendered by one thread or a GPU.

    Raises:
      NoDeviceError: a GPU is asked for and none is there.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = device.upper()
    if device == "gpu":
        _use_gpu()
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.view_settings.view_transform = "Standard"
    scene.render.film_transparent = True
    picture = scene.render.image_settings
    picture.media_type, picture.file_format = "MULTI_LAYER_IMAGE", "OPEN_EXR_MULTILAYER"
    picture.color_depth, picture.exr_codec = "32", "NONE"
    cycles = scene.cycles
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 4, 2, 3, 4
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "NONE"


def _use_gpu() -> None:
    chosen = bpy.context.preferences.addons["cycles"].preferences
    for kind in ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI"):
        try:
            chosen.compute_device_type = kind
        except TypeError:  # not of this platform
            continue
        chosen.refresh_devices()
        found = [device for device in chosen.devices if device.type == kind]
        for device in found:
            device.use = True
        if found:
            return
    raise NoDeviceError


# ---------------------------------------------------------------- the model


def place(model: Model) -> None:
    """Bring a model into the scene."""
    made = {name: materials.nodes(name, one) for name, one in model.materials.items()}
    first = {part.name: number for number, part in reversed(list(enumerate(model.parts, 1)))}
    for number, part in enumerate(model.parts, 1):
        thing = _link(part.name, _mesh(part))
        thing.pass_index = first.get(part.joined, number)
        thing["shown"] = part.shown
        thing.data.materials.append(made[part.material])
    for strands in model.strands:
        thing = _link("hair", _hair(strands))
        thing.pass_index = HAIR
        thing["shown"] = "photo"
        thing.data.materials.append(made[strands.material])


def _link(name: str, data: Any) -> Any:
    thing = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _mesh(part: Part) -> Any:
    import bmesh  # pyright: ignore[reportMissingImports]

    mesh = bpy.data.meshes.new(part.name)
    mesh.from_pydata(part.vertices.tolist(), [], part.faces)
    if part.colours is not None:
        colours = np.c_[np.clip(part.colours, 0, 1), np.ones(len(part.colours))].astype(np.float32)
        mesh.attributes.new("colour", "FLOAT_COLOR", "POINT").data.foreach_set("color", colours.ravel())
    welded = bmesh.new()
    welded.from_mesh(mesh)
    bmesh.ops.remove_doubles(welded, verts=welded.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(welded, faces=welded.faces)
    welded.to_mesh(mesh)
    welded.free()
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=math.radians(part.sharp))
    return mesh


def _hair(strands: Strands) -> Any:
    count = len(strands.points)
    curves = bpy.data.hair_curves.new("hair")
    curves.add_curves([4] * count)
    curves.attributes["position"].data.foreach_set("vector", strands.points.astype(np.float32).ravel())
    radius = np.tile(np.array([1, 0.9, 0.6, 0.1], np.float32) * strands.radius, count)
    known = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    known.data.foreach_set("value", radius)
    colours = np.c_[np.clip(strands.colours, 0, 1), np.ones(count)].astype(np.float32)
    curves.attributes.new("colour", "FLOAT_COLOR", "CURVE").data.foreach_set("color", colours.ravel())
    return curves


# ---------------------------------------------------------------- light and camera


def light(model: Model, rng: random.Random) -> None:
    """A dim white sky, softboxes around the model, and ground that only catches its shadow."""
    points = model.vertices
    middle = points[:, :2].mean(0)
    low, high = points[:, 2].min(), points[:, 2].max()
    reach = max(float(np.linalg.norm(points[:, :2] - middle, axis=1).max()), 0.6 * (high - low))
    _sky(rng)
    target = (*middle, (low + high) / 2)
    front = model.azimuth - 90
    side = rng.choice([-1, 1])

    def box(azimuth: float, elevation: float, size: tuple[float, float], power: float) -> None:
        a, e = math.radians(azimuth), math.radians(elevation)
        away = 4.2 * reach * np.array([math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)])
        _softbox(np.array(target) + away, target, (size[0] * reach, size[1] * reach), power * reach**2)

    key = rng.uniform(90, 240)
    box(front + side * rng.uniform(30, 75), rng.uniform(30, 60), (rng.uniform(1.2, 3.4), rng.uniform(1.2, 4)), key)
    if rng.random() < 0.75:
        fill = key * rng.uniform(0.2, 0.6)
        box(front - side * rng.uniform(40, 85), rng.uniform(12, 45), (rng.uniform(1, 3), rng.uniform(2, 4)), fill)
    box(rng.uniform(0, 360), rng.uniform(70, 90), (3, 3), rng.uniform(40, 150))
    if rng.random() < 0.4:
        box(front + 180 + rng.uniform(-40, 40), rng.uniform(25, 50), (2, 2), 70)
    if not model.floating:
        _ground(30 * reach, low - 0.0005 * reach)


def _sky(rng: random.Random) -> None:
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    grey = rng.uniform(0.55, 0.85)
    warm = rng.uniform(-0.03, 0.03)
    sky.inputs[0].default_value = (grey + warm, grey, grey - warm, 1)
    sky.inputs[1].default_value = rng.uniform(0.45, 0.85)


def _softbox(place: np.ndarray, target: tuple, size: tuple[float, float], power: float) -> None:
    lamp = bpy.data.lights.new("softbox", "AREA")
    lamp.energy, lamp.shape, lamp.size, lamp.size_y = power, "RECTANGLE", *size
    thing = _link("softbox", lamp)
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()


def _ground(half: float, z: float) -> None:
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata([(-half, -half, z), (half, -half, z), (half, half, z), (-half, half, z)], [], [(0, 1, 2, 3)])
    mesh.materials.append(materials.nodes("ground", materials.Material("#ededed", roughness=0.9, variation=0)))
    _link("ground", mesh).is_shadow_catcher = True


def frame(model: Model) -> Callable[[Points], np.ndarray]:
    """Set the camera up so that the model fills the square; returns where points (n, 3) are in it, (n, 2) of 0 to 1,
    y downwards."""
    points = model.vertices
    azimuth, elevation = math.radians(model.azimuth - 90), math.radians(model.elevation)
    flat = math.cos(elevation)
    away = np.array([math.cos(azimuth) * flat, math.sin(azimuth) * flat, math.sin(elevation)])
    middle = (points.max(0) + points.min(0)) / 2
    reach = float(np.linalg.norm(points - middle, axis=1).max())
    distance = 1.05 * reach / math.sin(math.radians(model.field_of_view) / 2)
    eye = middle + away * distance
    camera = bpy.data.cameras.new("camera")
    thing = _link("camera", camera)
    bpy.context.scene.camera = thing
    rotation = Vector(-away).to_track_quat("-Z", "Y")
    thing.location, thing.rotation_euler = eye, rotation.to_euler()
    axes = np.array(rotation.to_matrix())

    def seen(given: Points) -> np.ndarray:
        local = (np.asarray(given, float) - eye) @ axes
        return local[:, :2] / -local[:, 2:]

    flat_points = seen(points)
    low, high = flat_points.min(0), flat_points.max(0)
    extent, centre = float((high - low).max()) / _FILL, (low + high) / 2
    camera.sensor_width, camera.lens = 36, 36 / extent
    camera.shift_x, camera.shift_y = centre / extent
    camera.clip_start, camera.clip_end = 0.01 * distance, 20 * distance
    return lambda given: (seen(given) - centre) / extent * [1, -1] + 0.5


# ---------------------------------------------------------------- pictures


def photograph(side: int, samples: int, scratch: Path) -> tuple[np.ndarray, np.ndarray]:
    """Path-traced and denoised: linear RGB float32 (side, side, 3), and coverage float32 (side, side), shadows too."""
    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = side
    cycles = scene.cycles
    cycles.samples, cycles.filter_width, cycles.use_denoising = samples, 1.2, True
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.05, 6
    _show("photo", ())
    channels = _rendered(scratch)
    red, green, blue, alpha = (_channel(channels, f"Combined.{name}", name) for name in "RGBA")
    return np.stack([red, green, blue], -1), np.clip(alpha, 0, 1)


def survey(side: int, scratch: Path, shown: str, hidden: Collection[int] = ()) -> Geometry:
    """Parts, normals and depths of what is in the scene, ground and lights left out; no photo can be made afterwards.

    Args:
      side: of the picture.
      shown: "photo" or "lines": what is in these.
      hidden: numbers of parts that are not there.
    """
    scene, layer = bpy.context.scene, bpy.context.scene.view_layers[0]
    for thing in [one for one in scene.objects if one.type == "LIGHT" or one.name == "ground"]:
        bpy.data.objects.remove(thing)
    _show(shown, hidden)
    scene.render.resolution_x = scene.render.resolution_y = side * FINE
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.max_bounces, cycles.use_adaptive_sampling = 1, False, 0, False
    cycles.pixel_filter_type, cycles.filter_width = "BOX", 0.01
    layer.use_pass_object_index = layer.use_pass_normal = layer.use_pass_z = True
    layer.material_override = layer.material_override or bpy.data.materials.new("flat")
    channels = _rendered(scratch)
    part = np.round(_channel(channels, "IndexOB.X", "Object Index.X", "IndexOB.V", "Object Index.V")).astype(int)
    normal = np.stack([_channel(channels, f"Normal.{axis}") for axis in "XYZ"], -1)
    depth = _channel(channels, "Depth.Z", "Depth.V", "Z.V", "Depth.X")
    return Geometry(part, normal, np.where(part > 0, depth, 0))


def _show(what: str, hidden: Collection[int]) -> None:
    for thing in bpy.context.scene.objects:
        if "shown" in thing:
            thing.hide_render = thing["shown"] not in ("both", what) or thing.pass_index in hidden


def _rendered(scratch: Path) -> dict[str, np.ndarray]:
    """All channels of what the scene shows, by way of a file that is taken away again."""
    bpy.context.scene.render.filepath = str(scratch)
    bpy.ops.render.render(write_still=True)
    found: dict[str, np.ndarray] = {}
    with OpenEXR.File(str(scratch), separate_channels=True) as file:
        for layer in file.parts:
            for name, channel in layer.channels.items():
                found[name] = np.array(channel.pixels, np.float32)
    scratch.unlink()
    return found


def _channel(channels: dict[str, np.ndarray], *endings: str) -> np.ndarray:
    for name, pixels in channels.items():
        if any(name == ending or name.endswith("." + ending) for ending in endings):
            return pixels
    raise KeyError(f"no {endings} among {list(channels)}")
