"""How much faster is one picture than with Flax's own layers? U-Net-256 as published, batch 1.

"ours" is the generator as `Studio` runs it, its kernels packed when the model was opened. "naive Flax" computes the
same function, with batch norm over the picture itself as pix2pix tests; "naive Flax, averages" uses running averages
instead, which is less work.
"""

from sketch2photo import kernels

kernels.prepare()

from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import jax  # noqa: E402  (after the process is prepared)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks import compare  # noqa: E402
from benchmarks.naive_flax import NaiveNetworks  # noqa: E402
from sketch2photo.config import GanConfig, GanModelConfig, GeneratorConfig  # noqa: E402
from sketch2photo.models.serving import generator  # noqa: E402
from sketch2photo.training.gan import GanNetworks  # noqa: E402


def painter(generate: Callable[..., Any], weights: Any, sketch: np.ndarray) -> Callable[[], object]:
    """A call of the generator that waits for its picture; weights lie ready, as when the page serves."""
    paint, weights = jax.jit(generate), jax.device_put(weights)
    return lambda: jax.block_until_ready(paint(weights, jnp.asarray(sketch), None))


def initial(networks: GanNetworks) -> Any:
    """Fresh weights of a generator."""
    return jax.jit(lambda key: networks.init(key)[0])(jax.random.key(0))


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--size", type=int, default=256, help="pixels a side (default: %(default)s)")
    parser.add_argument("--width", type=int, default=64, help="ngf (default: %(default)s)")
    args = parser.parse_args()
    model = GanModelConfig(image_size=args.size, input_channels=3, generator=GeneratorConfig(width=args.width))
    config = GanConfig(model=model)
    sketch = np.random.default_rng(0).uniform(-1, 1, (1, args.size, args.size, 3)).astype(np.float32)
    naive, averages = NaiveNetworks(config), NaiveNetworks(config, running=True)
    ours = generator(model, 0, initial(GanNetworks(config, 0)), jax.default_backend())
    timings = compare.interleave(
        {
            "ours": painter(*ours, sketch),
            "naive Flax": painter(naive.generate, initial(naive), sketch),
            "naive Flax, averages": painter(averages.generate, initial(averages), sketch),
        },
        rounds=args.rounds,
        warm_up=3,
    )
    compare.report(
        f"U-Net-{args.size}, width {args.width}, batch 1",
        timings,
        goals=[compare.Goal("ours", "naive Flax", 2.5), compare.Goal("ours", "naive Flax, averages", 2.5)],
        images=1,
        to=args.json,
    )


if __name__ == "__main__":
    main()
