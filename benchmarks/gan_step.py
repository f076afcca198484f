"""How much faster is a training step than with Flax's own layers? The step, losses and sizes are the same.

Both run in this process, 16 pairs of 128 px at width 48.
"""

from sketch2photo import kernels

kernels.prepare(training=True)

import jax  # noqa: E402  (after the process is prepared)
import numpy as np  # noqa: E402

from benchmarks import compare  # noqa: E402
from benchmarks.naive_flax import NaiveNetworks  # noqa: E402
from sketch2photo.config import (  # noqa: E402
    AugmentConfig,
    DiscriminatorConfig,
    GanConfig,
    GanModelConfig,
    GeneratorConfig,
)
from sketch2photo.training.gan import GanNetworks, initial_state, make_step  # noqa: E402


def config(size: int, width: int) -> GanConfig:
    """pix2pix as published but for size and width; nothing is augmented, so that only the networks are timed."""
    return GanConfig(
        model=GanModelConfig(
            image_size=size,
            input_channels=3,
            generator=GeneratorConfig(width=width),
            discriminator=DiscriminatorConfig(width=width),
        ),
        augment=AugmentConfig(flip=False),
    )


class Stepper:
    """Calls one network's step again and again, the state donated as in training."""

    def __init__(self, networks: GanNetworks, batch: dict[str, np.ndarray]):
        self._state = jax.jit(lambda key: initial_state(networks, key))(jax.random.key(0))
        self._batch = jax.device_put(batch)
        self._step = jax.jit(make_step(networks), donate_argnums=0)
        self.parameters = [
            sum(x.size for x in jax.tree.leaves(tree)) for tree in (self._state.generator, self._state.discriminator)
        ]
        """Of generator and discriminator."""

    def __call__(self) -> None:
        self._state, metrics = self._step(self._state, self._batch)
        jax.block_until_ready((self._state, metrics))


def random_batch(size: int, n: int, channels: int = 3) -> dict[str, np.ndarray]:
    """Noise in the form of a batch; the time does not depend on what is drawn."""
    draw = np.random.default_rng(0)
    return {
        "sketch": draw.integers(0, 256, (n, size, size, channels), np.uint8),
        "photo": draw.integers(0, 256, (n, size, size, 3), np.uint8),
        "label": np.zeros(n, np.int32),
        "colour": np.zeros((n, 3), np.uint8),
    }


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default: %(default)s)")
    parser.add_argument("--width", type=int, default=48, help="ngf and ndf (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs a step (default: %(default)s)")
    args = parser.parse_args()
    settings, batch = config(args.size, args.width), random_batch(args.size, args.batch_size)
    timings = compare.interleave(
        {
            "ours": Stepper(GanNetworks(settings, 0), batch),
            "naive Flax": Stepper(NaiveNetworks(settings), batch),
        },
        rounds=args.rounds,
        seconds=2.0,
    )
    compare.report(
        f"GAN step, {args.size} px, width {args.width}, batch {args.batch_size}",
        timings,
        goals=[compare.Goal("ours", "naive Flax", 5.0)],
        images=args.batch_size,
        to=args.json,
    )


if __name__ == "__main__":
    main()
