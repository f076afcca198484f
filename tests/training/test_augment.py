"""Sketch and photo move together, on white ground; the sketch alone is warped and erased."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sketch2photo.config import AugmentConfig
from sketch2photo.training import augment
from sketch2photo.training.augment import augment_pair, augment_sketch, diffaugment, elastic_warp, rectangles

N, SIZE = 6, 64


@pytest.fixture
def pair():
    """An off-centre dark square, drawn and photographed at the same place."""
    where = jnp.zeros((N, SIZE, SIZE, 1)).at[:, 20:40, 26:50].set(1.0)
    return where * 2 - 1, jnp.repeat(1 - 2 * where, 3, -1)


def test_nothing_asked_is_nothing_done(pair):
    sketch, photo = augment_pair(AugmentConfig(flip=False), jax.random.key(0), *pair)
    np.testing.assert_array_equal(sketch, pair[0])
    np.testing.assert_array_equal(photo, pair[1])


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(flip=True),
        AugmentConfig(flip=False, scale=(0.5, 1.1)),
        AugmentConfig(flip=True, scale=(0.6, 0.9), shift=0.1),
        AugmentConfig(flip=False, jitter=30 / 256),
    ],
    ids=["flip", "scale", "all", "jitter"],
)
def test_sketch_and_photo_move_together(pair, config):
    sketch, photo = augment_pair(config, jax.random.key(1), *pair)
    np.testing.assert_allclose(sketch[..., 0], -photo[..., 0], atol=1e-5)
    assert jnp.abs(sketch - pair[0]).max() > 0.5
    assert sketch.min() >= -1 - 1e-5 and sketch.max() <= 1 + 1e-5


def test_scale_changes_the_size_and_keeps_the_object_inside(pair):
    sketch, _ = augment_pair(AugmentConfig(flip=False, scale=(0.5, 0.5), shift=0.1), jax.random.key(2), *pair)
    ink = ((sketch + 1) / 2).sum((1, 2, 3))
    np.testing.assert_allclose(ink, 20 * 24 / 4, rtol=0.05)


def test_warp_and_erase_touch_the_sketch_only(pair):
    warped, photo = augment_pair(AugmentConfig(flip=False, warp=0.03), jax.random.key(3), *pair)
    np.testing.assert_array_equal(photo, pair[1])
    assert jnp.abs(warped - pair[0]).max() > 0.3
    erased, photo = augment_pair(AugmentConfig(flip=False, erase=1.0), jax.random.key(4), *pair)
    np.testing.assert_array_equal(photo, pair[1])
    assert (erased <= pair[0]).all() and (erased < pair[0]).any()


def test_warp_moves_no_further_than_a_few_times_its_amount():
    # A column of ink at 32: after the warp nothing lies far from it.
    column = jnp.zeros((N, SIZE, SIZE, 1)).at[:, :, 32].set(1.0)
    warped = elastic_warp(jax.random.key(5), column, 0.02)
    away = jnp.abs(jnp.arange(SIZE) - 32)
    furthest = jnp.where(warped[..., 0].max((0, 1)) > 0.05, away, 0).max()
    assert 1 <= furthest <= 0.02 * SIZE * 4 + 1


def test_rectangles_cover_their_share():
    mask = rectangles(jnp.array([[0.5, 0.5]]), jnp.array([[0.25, 0.5]]), SIZE)
    assert mask.sum() == SIZE / 4 * SIZE / 2 and mask[0, 32, 32]


def test_diffaugment_is_alike_for_one_key_and_differentiable():
    image = jax.random.normal(jax.random.key(6), (N, SIZE, SIZE, 4))
    np.testing.assert_array_equal(diffaugment(jax.random.key(7), image), diffaugment(jax.random.key(7), image))
    assert jnp.abs(diffaugment(jax.random.key(7), image) - diffaugment(jax.random.key(8), image)).max() > 0
    gradient = jax.grad(lambda x: diffaugment(jax.random.key(7), x).sum())(image)
    assert set(np.unique(gradient)) == {0.0, 1.0}
    # cutout and the rows shifted out: between a tenth and a half of the pixels are not seen
    assert 0.1 < float((gradient == 0).mean()) < 0.5


def test_width_makes_lines_thicker_and_thinner_and_loses_none():
    sheet = np.full((16, 32, 32, 1), -1.0, np.float32)
    sheet[:, :, 15:17] = 1.0
    varied, photo = augment_pair(
        AugmentConfig(flip=False, width=1.0), jax.random.key(0), jnp.asarray(sheet), jnp.ones((16, 32, 32, 3))
    )
    across = np.asarray(varied)[:, 16, :, 0].sum(-1) / 2 + 16
    assert across.max() > 3 and across.min() < 1.6 and across.min() > 0.9
    assert (photo == 1).all()


def test_an_unfinished_sketch_lacks_one_side(pair):
    whole = jnp.ones_like(pair[0])
    cut, photo = augment_pair(AugmentConfig(flip=False, unfinished=1.0), jax.random.key(1), whole, pair[1])
    np.testing.assert_array_equal(photo, pair[1])
    missing = np.asarray(cut < 0).mean((1, 2, 3))
    assert (missing <= 0.52).all() and missing.max() > 0.05
    kept, _ = augment_pair(AugmentConfig(flip=False, unfinished=0.0, erase=0.0), jax.random.key(1), whole, pair[1])
    np.testing.assert_array_equal(kept, whole)


# ---------------------------------------------------------------- the classifier's


def sheets(n=16, size=32):
    ink = np.full((n, size, size, 1), -1.0, np.float32)
    ink[:, 10:22, 14:18] = 1.0
    return jnp.asarray(ink)


def test_augmentation_keeps_paper_paper_and_ink_in_range():
    changed = jax.jit(augment_sketch)
    np.testing.assert_allclose(changed(jax.random.key(0), jnp.full((16, 32, 32, 1), -1.0)), -1.0)
    moved = np.asarray(changed(jax.random.key(1), sheets()))
    assert moved.shape == (16, 32, 32, 1)
    assert moved.min() >= -1.0 and moved.max() <= 1.0 + 1e-5
    assert (moved.max((1, 2, 3)) > 0).all()  # a part of every drawing is left
    assert all(not np.allclose(a, b) for a, b in zip(moved[1:], moved[:-1], strict=True))


def test_augmentation_off_is_nothing(monkeypatch):
    for name in ("TURN", "STRETCH", "SHEAR", "SHIFT", "WARP", "ERASE"):
        monkeypatch.setattr(augment, name, 0.0)
    sketch = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype(np.float32))
    moved = np.asarray(jax.jit(lambda key, x: augment_sketch(key, x))(jax.random.key(0), sketch))
    mirrored = 0
    for before, after in zip(np.asarray(sketch), moved, strict=True):
        if not np.allclose(after, before, atol=1e-5):
            np.testing.assert_allclose(after, before[:, ::-1], atol=1e-5)
            mirrored += 1
    assert 0 < mirrored < 8


def test_bending_moves_sketch_and_photo_alike(pair):
    sketch, photo = augment_pair(AugmentConfig(flip=False, bend=0.05), jax.random.key(5), *pair)
    np.testing.assert_allclose(sketch[..., 0], -photo[..., 0], atol=1e-5)
    assert jnp.abs(sketch - pair[0]).max() > 0.5


def test_hints_have_the_mean_colour_of_what_they_cover_of_the_object():
    rows = jnp.linspace(-1, 1, SIZE)[None, :, None, None] * jnp.ones((64, 1, SIZE, 1))
    inside = jnp.zeros_like(rows).at[:, 8:56, 16:48].set(1)
    # White elsewhere, which must not run into the colours.
    photo = jnp.where(inside > 0, jnp.concatenate([rows, 0 * rows, -rows], -1), 1.0)
    seen, hints = map(np.asarray, augment.with_hints(jax.random.key(6), photo, inside))
    given, colour = hints[..., 0], hints[..., 1:]
    assert set(np.unique(given)) == {0, 1} and (colour[given == 0] == 0).all()
    hinted = given.max((1, 2)) > 0
    assert 0.25 < hinted.mean() < 0.65, "about half of the pictures have hints"
    covered = given * np.asarray(inside)[..., 0]
    for i in np.flatnonzero(hinted):
        of_photo, of_hints = (x[i][covered[i] > 0].mean(0) for x in (seen, colour))
        np.testing.assert_allclose(of_hints, of_photo, atol=0.15)
    starts = [(given[i].sum(1) * np.arange(SIZE)).sum() / given[i].sum() for i in np.flatnonzero(hinted)]
    assert np.std(starts) > 5, "they start anywhere on the object"


def test_some_photos_with_hints_have_another_hue_on_one_side():
    photo = jnp.zeros((64, SIZE, SIZE, 3)).at[..., 0].set(0.8)
    seen, hints = map(np.asarray, augment.with_hints(jax.random.key(7), photo, photo[..., :1]))
    turned = np.abs(seen - np.asarray(photo)).max((1, 2, 3)) > 0.05
    hinted = hints[..., 0].max((1, 2)) > 0
    assert 0.25 < turned[hinted].mean() < 0.75 and not turned[~hinted].any()
    corners = seen[turned][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (np.abs(corners - [0.8, 0, 0]).max(-1).min(1) < 0.05).all(), "one side is as it was"
    np.testing.assert_allclose(seen.sum(-1), 0.8, atol=0.35)  # of like brightness, but where it was clipped
