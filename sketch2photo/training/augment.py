"""Random changes to a batch, made on the device inside the training step.

Sketch and photo are moved together; the sketch alone is warped and rubbed out in places, because a person's lines
never lie where the photo's edges do and a drawing is unfinished most of the time.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from sketch2photo.config import AugmentConfig

Image = Float[Array, "n s s c"]


def augment_pair(config: AugmentConfig, key: jax.Array, sketch: Image, photo: Image) -> tuple[Image, Image]:
    """The batch mirrored, zoomed, shifted, bent (both), warped and erased (sketch only), with white ground around it:
    +1 of photos, of sketches as `layers.to_model` gives it: paper -1 (one channel), white +1 (three channels)."""
    keys = jax.random.split(key, 4)
    ground = -1.0 if sketch.shape[-1] == 1 else 1.0
    if config.jitter or config.scale != (1.0, 1.0) or config.shift or config.flip:
        scale, shift, mirror = _draw_placement(config, keys[0], sketch.shape[0])
        photo = _place(photo - 1.0, scale, shift, mirror) + 1.0
        sketch = _place(sketch - ground, scale, shift, mirror) + ground
    if config.bend:
        together = elastic_warp(
            jax.random.fold_in(key, 5), jnp.concatenate([sketch - ground, photo - 1.0], -1), config.bend
        )
        sketch, photo = together[..., : sketch.shape[-1]] + ground, together[..., sketch.shape[-1] :] + 1.0
    if config.warp:
        sketch = elastic_warp(keys[1], sketch - ground, config.warp) + ground
    if config.erase:
        sketch = _erase(keys[2], sketch, ground, config.erase, (0.05, 0.35))
    if config.width and ground < 0:
        sketch = vary_width(keys[3], sketch, config.width)
    if config.unfinished:
        sketch = _unfinished(jax.random.fold_in(key, 4), sketch, config.unfinished, ground)
    return sketch, photo


def _draw_placement(config: AugmentConfig, key: jax.Array, n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Zoom (n,), shift of the centre as a share of the side (n, 2), mirrored or not (n,)."""
    zoom_key, shift_key, flip_key, jitter_key = jax.random.split(key, 4)
    low, high = config.scale
    scale = jax.random.uniform(zoom_key, (n,), minval=low, maxval=high)
    # A smaller picture has more room: let it go as far again as the room it has gained.
    reach = config.shift + jnp.maximum(0.0, 1.0 - scale) / 3 * (config.shift > 0)
    shift = jax.random.uniform(shift_key, (n, 2), minval=-1.0, maxval=1.0) * reach[:, None]
    if config.jitter:  # enlarge to 1 + jitter and crop the old size at a random place (pix2pix, section 6.2)
        scale = scale * (1.0 + config.jitter)
        shift = shift + jax.random.uniform(jitter_key, (n, 2), minval=-0.5, maxval=0.5) * config.jitter
    return scale, shift, jax.random.bernoulli(flip_key, 0.5 if config.flip else 0.0, (n,))


def _place(image: Image, scale: jax.Array, shift: jax.Array, mirror: jax.Array) -> Image:
    """Zoom about the centre and shift; zero outside. Two matrix products a picture, with area filter when shrinking."""
    size = image.shape[1]

    def one(picture: jax.Array, scale: jax.Array, shift: jax.Array) -> jax.Array:
        start = (0.5 - scale / 2 + shift) * size
        return jax.image.scale_and_translate(
            picture, picture.shape, (0, 1), jnp.stack([scale, scale]), start, method="linear", antialias=True
        )

    moved = jax.vmap(one)(image, scale, shift)
    return jnp.where(mirror[:, None, None, None], moved[:, :, ::-1], moved)


def elastic_warp(key: jax.Array, image: Image, amount: float) -> Image:
    """Displace every point by a smooth random field of at most about `amount` times the side; zero outside."""
    n, size = image.shape[:2]
    points = jax.random.normal(key, (n, 5, 5, 2)).transpose(0, 3, 1, 2)
    at = jnp.arange(size, dtype=jnp.float32)
    return _sampled(image, jnp.stack(jnp.meshgrid(at, at, indexing="ij")) + _displacements(points, amount, size))


def _displacements(points: Float[Array, "n 2 5 5"], amount: float, size: int) -> Float[Array, "n 2 s s"]:
    """A smooth field of at most about `amount` times the side: normal numbers at five by five points, cubic between."""
    return jax.image.resize(points * (amount * size * 0.6), (len(points), 2, size, size), "cubic")


def _sampled(image: Image, where: Float[Array, "n 2 s s"]) -> Image:
    """What each picture has at these rows and columns, linear between pixels; zero outside."""
    sample: Any = jax.scipy.ndimage.map_coordinates
    channels = jax.vmap(lambda channel, where: sample(channel, list(where), 1), (-1, None), -1)
    return jax.vmap(channels)(image, where)


def _erase(key: jax.Array, sketch: Image, ground: float, chance: float, sides: tuple[float, float]) -> Image:
    """Rub out one rectangle, its sides within these shares, in `chance` of the sketches."""
    n, size = sketch.shape[:2]
    chosen, place, extent = jax.random.split(key, 3)
    extents = jax.random.uniform(extent, (n, 2), minval=sides[0], maxval=sides[1])
    inside = rectangles(jax.random.uniform(place, (n, 2)), extents, size)
    hit = jax.random.bernoulli(chosen, chance, (n,))[:, None, None] & inside
    return jnp.where(hit[..., None], ground, sketch)


def vary_width(key: jax.Array, sketch: Image, amount: float) -> Image:
    """Lines up to `amount` pixels, at most 1, thicker or thinner on each side: between a sketch (ink +1, paper -1) and
    its dilation or erosion."""
    padded = jnp.pad(sketch, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    size = sketch.shape[1]
    # A cross, which is nearer to a disc than a square is; shifted views, for windowed maxima are slow on a CPU.
    around = [padded[:, y : y + size, x : x + size] for y, x in ((1, 0), (1, 2), (0, 1), (2, 1))]
    thicker = jnp.maximum(sketch, jnp.maximum(jnp.maximum(around[0], around[1]), jnp.maximum(around[2], around[3])))
    # No thinner than half: a line one pixel wide would be gone.
    thinner = 0.5 * (sketch + jnp.minimum(jnp.minimum(around[0], around[1]), jnp.minimum(around[2], around[3])))
    by = jax.random.uniform(key, (sketch.shape[0], 1, 1, 1), minval=-amount, maxval=amount)
    return sketch + jnp.maximum(by, 0) * (thicker - sketch) + jnp.maximum(-by, 0) * (thinner - sketch)


def _unfinished(key: jax.Array, sketch: Image, chance: float, ground: float) -> Image:
    """What lies beyond a random line is missing in `chance` of the sketches; at most about half of the sheet."""
    n, size = sketch.shape[:2]
    chosen, turn_key, place_key = jax.random.split(key, 3)
    turn = jax.random.uniform(turn_key, (n, 1, 1), maxval=2 * jnp.pi)
    place = jax.random.uniform(place_key, (n, 1, 1), minval=0.0, maxval=0.35)
    at = (jnp.arange(size) + 0.5) / size - 0.5
    beyond = jnp.cos(turn) * at[None, None, :] + jnp.sin(turn) * at[None, :, None] > place
    hit = jax.random.bernoulli(chosen, chance, (n,))[:, None, None] & beyond
    return jnp.where(hit[..., None], ground, sketch)


def rectangles(centre: Float[Array, "n 2"], extent: Float[Array, "n 2"], size: int) -> jax.Array:
    """Masks (n, s, s): true inside the rectangle of the given centre and extent, both as shares of the side."""
    at = (jnp.arange(size) + 0.5) / size
    inside = jnp.abs(at[None, None] - centre[..., None]) < extent[..., None] / 2  # n, 2, s
    return inside[:, 0, :, None] & inside[:, 1, None, :]


def diffaugment(key: jax.Array, image: Image) -> Image:
    """Differentiable augmentation before the discriminator: translation by up to 1/8 and cutout of 3/8 of the side.

    Zhao et al. 2020, section 4 (colour jitter is left out, for the discriminator is told the colour). The same key
    moves real and generated pairs alike, sketch and photo being stacked in `image`.
    """
    n, size = image.shape[:2]
    shift_key, place_key = jax.random.split(key)
    most = size // 8
    shift = jax.random.randint(shift_key, (n, 2), -most, most + 1)
    padded = jnp.pad(image, ((0, 0), (most, most), (most, most), (0, 0)))

    def window(picture: jax.Array, shift: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(picture, (most + shift[0], most + shift[1], 0), (size, size, picture.shape[-1]))

    moved = jax.vmap(window)(padded, shift)
    hole = rectangles(jax.random.uniform(place_key, (n, 2)), jnp.full((n, 2), 3 / 8), size)
    return jnp.where(hole[..., None], 0.0, moved)


_STROKES = 5  # of colour at most, on one picture


def with_hints(key: jax.Array, photo: Float[Array, "n s s 3"], inside: Float[Array, "n s s 1"]) -> tuple[Image, Image]:
    """Photos, and strokes of colour for them as a person might give: (n, s, s, 4), as `layers.hints_to_model`.

    Half of the pictures have none, the others one to five, each a thick straight line that starts on the object and
    has the mean colour of what it covers of it (as the points of Zhang et al. 2017, section 3.2). Half of those
    photos are of another hue on one side of a line: the hints alone can tell, so they are listened to. `inside` is 1
    where the object is, 0 elsewhere.
    """
    n, size = photo.shape[:2]
    keys = jax.random.split(key, 5)
    counts = jnp.maximum(jax.random.randint(keys[0], (n,), -_STROKES, _STROKES + 1), 0)
    photo = _half_in_another_hue(keys[4], photo, counts > 0)
    every = size // 32  # where a stroke may start is decided on 32 x 32 places
    places = jnp.log(inside[:, every // 2 :: every, every // 2 :: every, 0].reshape(n, -1) + 1e-9)
    starts = jax.random.categorical(keys[1], places[:, None], shape=(n, _STROKES))
    start = (jnp.stack([starts // 32, starts % 32], -1) + 0.5) / 32
    along = jax.random.normal(keys[2], (n, _STROKES, 2)) * 0.1
    radius = jax.random.uniform(keys[3], (n, _STROKES), minval=0.01, maxval=0.045)
    at = (jnp.arange(size) + 0.5) / size
    hints = jnp.zeros((n, size, size, 4), photo.dtype)
    for i in range(_STROKES):
        from_start = [at[None, :, None] - start[:, i, 0, None, None], at[None, None] - start[:, i, 1, None, None]]
        vector = along[:, i, :, None, None]
        nearest = (from_start[0] * vector[:, 0] + from_start[1] * vector[:, 1]) / (vector**2).sum(1)
        nearest = jnp.clip(nearest, 0, 1)
        distances = sum((d - nearest * vector[:, axis]) ** 2 for axis, d in enumerate(from_start))
        under = ((distances < radius[:, i, None, None] ** 2) & (counts > i)[:, None, None])[..., None]
        weights = under * inside
        colour = (photo * weights).sum((1, 2), keepdims=True) / (weights.sum((1, 2), keepdims=True) + 1e-6)
        hints = jnp.where(under, jnp.concatenate([jnp.ones_like(colour[..., :1]), colour], -1), hints)
    return photo, hints


def _half_in_another_hue(key: jax.Array, photo: Float[Array, "n s s 3"], chosen: jax.Array) -> Float[Array, "n s s 3"]:
    """Half of the chosen photos with all hues turned on one side of a random line, softly."""
    n, size = photo.shape[:2]
    keys = jax.random.split(key, 4)
    by = jax.random.uniform(keys[0], (n, 1, 1), minval=-jnp.pi, maxval=jnp.pi)
    # A rotation about the greys (Rodrigues' formula).
    across = jnp.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / jnp.sqrt(3.0)
    turn = jnp.cos(by) * jnp.eye(3) + jnp.sin(by) * across + (1 - jnp.cos(by)) / 3
    turned = jnp.clip(jnp.einsum("nhwc,noc->nhwo", photo, turn), -1, 1)
    side = jax.random.uniform(keys[1], (n, 1, 1), maxval=2 * jnp.pi)
    place = jax.random.uniform(keys[2], (n, 1, 1), minval=-0.25, maxval=0.25)
    at = (jnp.arange(size) + 0.5) / size - 0.5
    beyond = jnp.cos(side) * at[None, None, :] + jnp.sin(side) * at[None, :, None] - place
    chosen = chosen & jax.random.bernoulli(keys[3], 0.5, (n,))
    share = (jax.nn.sigmoid(beyond * 60) * chosen[:, None, None])[..., None]
    return photo + share * (turned - photo)


# ---------------------------------------------------------------- the classifier's

TURN, STRETCH, SHEAR, SHIFT, WARP, ERASE = 0.25, 0.22, 0.15, 0.08, 0.02, 0.4
"""Largest turn in radians, stretch as a logarithm, shear, shift and elastic displacement as shares of the side; and
the chance of a rubbed-out rectangle."""


def augment_sketch(key: jax.Array, sketch: Float[Array, "n s s 1"]) -> Float[Array, "n s s 1"]:
    """Every sketch mirrored or not, turned, stretched, sheared, shifted, warped and rubbed out in a place. `sketch`: as
    `layers.to_model` gives it; paper comes in from outside."""
    place_key, warp_key, erase_key = jax.random.split(key, 3)
    n, size = sketch.shape[:2]
    points = jax.random.normal(warp_key, (n, 2, 5, 5))
    # Once, for each interpolation blurs the lines.
    ink = _sampled(sketch + 1.0, _places(place_key, n, size) + _displacements(points, WARP, size))
    return _erase(erase_key, ink, 0.0, ERASE, (0.1, 0.45)) - 1.0


def _places(key: jax.Array, n: int, size: int) -> Float[Array, "n 2 s s"]:
    """Where each pixel of each picture comes from by a random affine map: rows, columns."""
    turn_key, stretch_key, shear_key, shift_key, mirror_key = jax.random.split(key, 5)
    turn = jax.random.uniform(turn_key, (n,), minval=-TURN, maxval=TURN)
    stretch = jnp.exp(jax.random.uniform(stretch_key, (n, 2), minval=-STRETCH, maxval=STRETCH))
    shear = jax.random.uniform(shear_key, (n,), minval=-SHEAR, maxval=SHEAR)
    shift = jax.random.uniform(shift_key, (n, 2), minval=-SHIFT, maxval=SHIFT) * size
    mirror = jnp.where(jax.random.bernoulli(mirror_key, 0.5, (n,)), -1.0, 1.0)
    middle = (size - 1) / 2
    at = jnp.arange(size, dtype=jnp.float32)[None] - middle
    cosine, sine = jnp.cos(turn)[:, None, None], jnp.sin(turn)[:, None, None]
    x, y = (at * stretch[:, :1])[:, None, :], (at * stretch[:, 1:])[:, :, None]
    columns = (cosine * x - sine * y + shear[:, None, None] * y) * mirror[:, None, None] + shift[:, :1, None]
    rows = sine * x + cosine * y + shift[:, 1:, None]
    return jnp.stack([rows, columns], 1) + middle
