"""The training objectives. Logits are of patches, (n, p, p, 1); photos in [-1, 1]; every loss is a mean."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Adversarial = Literal["bce", "lsgan", "hinge"]
Logits = Float[Array, "n p p 1"]
Scalar = Float[Array, ""]


def discriminator_loss(kind: Adversarial, real: Logits, fake: Logits) -> Scalar:
    """What the discriminator minimises, over both halves of its batch.

    bce: binary cross-entropy (Goodfellow et al. 2014, eq. 1), halved as pix2pix does (section 3.3).
    lsgan: half the squared distance to 1 and 0 (Mao et al. 2017, eq. 9).
    hinge: zero once real > 1 and fake < -1 (Lim & Ye 2017, eq. 3).
    """
    if kind == "bce":
        return 0.5 * (jax.nn.softplus(-real).mean() + jax.nn.softplus(fake).mean())
    if kind == "lsgan":
        return 0.5 * (jnp.square(real - 1.0).mean() + jnp.square(fake).mean())
    return jax.nn.relu(1.0 - real).mean() + jax.nn.relu(1.0 + fake).mean()


def generator_loss(kind: Adversarial, fake: Logits) -> Scalar:
    """What the generator minimises: non-saturating cross-entropy, squared distance to 1, or minus the logit."""
    if kind == "bce":
        return jax.nn.softplus(-fake).mean()
    if kind == "lsgan":
        return 0.5 * jnp.square(fake - 1.0).mean()
    return -fake.mean()


def l1(output: Float[Array, "n s s 3"], photo: Float[Array, "n s s 3"]) -> Scalar:
    """Mean absolute difference (pix2pix, eq. 3)."""
    return jnp.abs(output - photo).mean()


def coverage(logits: Float[Array, "n s s 1"], mask: Float[Array, "n s s 1"]) -> Scalar:
    """How far painted coverage is from the object's mask, in [0, 1]: binary cross-entropy, which every pixel has its
    say in, and one minus the mean Dice coefficient (Milletari et al. 2016, section 3), where thin parts count."""
    painted, over_picture = jax.nn.sigmoid(logits), (1, 2, 3)
    cross_entropy = (jax.nn.softplus(logits) - logits * mask).mean()
    common = 2.0 * (painted * mask).sum(over_picture) + 1.0
    return cross_entropy + 1.0 - (common / ((painted**2 + mask**2).sum(over_picture) + 1.0)).mean()


def feature_matching(fake: Sequence[jax.Array], real: Sequence[jax.Array]) -> Scalar:
    """L1 between the discriminator's features, summed over layers (pix2pixHD, Wang et al. 2018, eq. 4).

    No gradient flows into the features of the true photo.
    """
    terms = [_difference(a, b) for a, b in zip(fake, real, strict=True)]
    return sum(terms[1:], terms[0])


def perceptual(fake: Sequence[jax.Array], real: Sequence[jax.Array]) -> Scalar:
    """L1 between ImageNet features, each map's over its mean on the true photo, summed over maps.

    Johnson et al. 2016, section 3.2, with the scale of each layer taken out, so that none rules by its size.
    """
    terms = []
    for a, b in zip(fake, real, strict=True):
        size = jnp.abs(jax.lax.stop_gradient(b).astype(jnp.float32)).mean()
        terms.append(_difference(a, b) / (size + 1e-6))
    return sum(terms[1:], terms[0])


def _difference(fake: jax.Array, real: jax.Array) -> Scalar:
    """The mean absolute difference, in float32 whatever the networks compute in."""
    return jnp.abs(fake.astype(jnp.float32) - jax.lax.stop_gradient(real).astype(jnp.float32)).mean()


def cross_entropy(logits: Float[Array, "n k"], label: jax.Array, smoothing: float = 0.0) -> Scalar:
    """Softmax cross-entropy with label smoothing (Szegedy et al. 2016, section 7)."""
    return cross_entropies(logits, label, smoothing).mean()


def cross_entropies(logits: Float[Array, "n k"], label: jax.Array, smoothing: float = 0.0) -> Float[Array, " n"]:
    """`cross_entropy` of each row."""
    k = logits.shape[-1]
    target = jax.nn.one_hot(label, k, dtype=logits.dtype) * (1.0 - smoothing) + smoothing / k
    return -(target * jax.nn.log_softmax(logits)).sum(-1)
