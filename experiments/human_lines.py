"""How easily are simulated sketches told from human ones? For each style a small probe learns the difference.

scripts/bench human_lines --pairs datasets/studio --drawings datasets/drawings

Both kinds of drawings are of the same categories in the same numbers, fitted to the same square and brought to the same
line width, so that nothing but the lines can tell. The probe, a convolutional network, learns on the training splits
and is asked on the validation splits; 0.5 is a coin.
"""

import itertools
import json
from pathlib import Path

import numpy as np

from benchmarks import compare
from sketch2photo.errors import exit_on_user_error

SIDE = 64
WIDTH = 4.0
"""Of all lines, in pixels of the 192 px square in which they are measured."""
_WORK = 192


def same_view(sketch: np.ndarray) -> np.ndarray | None:
    """A sketch fitted to its ink, with lines of one width, uint8 (SIDE, SIDE); None where nothing is drawn."""
    from sketch2photo import images
    from sketch2photo.images import cleanup

    sheet = images.clean_sheet(sketch)
    box = images.ink_box(sheet)
    if box is None or max(box[2] - box[0], box[3] - box[1]) < 16:
        return None
    left, top, right, bottom = box
    fitted = np.pad(images.pad_to_square(sheet[top:bottom, left:right]), 6, constant_values=255)
    fitted = cleanup.darken(images.resize_sketch(fitted, _WORK))
    return images.resize_sketch(cleanup.with_width(fitted, WIDTH, WIDTH, 14.0), SIDE)


def human(drawings, split: str, categories: list[str], each: int, rng: np.random.Generator) -> dict:
    """For each category up to `each` drawings by people."""
    from sketch2photo.data.example import decode

    labels, found = drawings.labels(split), {}
    for category in categories:
        numbers = rng.permutation(np.flatnonzero(labels == drawings.categories.index(category)))[:each]
        views = [same_view(decode(drawings.record(split, int(n)).sketches[0], 1)) for n in numbers]
        found[category] = [view for view in views if view is not None]
    return found


def simulated(pairs, split: str, style: str, counts: dict[str, int], rng: np.random.Generator) -> list[np.ndarray]:
    """As many sketches of one style of each category, each of another photo as long as there are photos."""
    from sketch2photo.data import styles
    from sketch2photo.data.example import decode

    labels, made = pairs.labels(split), []
    for category, count in counts.items():
        numbers = rng.permutation(np.flatnonzero(labels == pairs.categories.index(category)))
        for turn in range(count if len(numbers) else 0):
            photo = decode(pairs.record(split, int(numbers[turn % len(numbers)])).photo, 3)
            [(_, sketch)] = styles.renderings(photo, int(rng.integers(2**62)), 1, (style,))
            view = same_view(sketch)
            if view is not None:
                made.append(view)
    return made


def probe_accuracy(train: tuple[list, list], test: tuple[list, list], steps: int, seed: int) -> float:
    """Share of the test drawings that a small network, trained on `train`, sorts rightly into simulated and human."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    class Probe(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            widths = (1, 16, 32, 64, 64)
            self.convolutions = nnx.List(
                [nnx.Conv(a, b, (3, 3), strides=2, rngs=rngs) for a, b in itertools.pairwise(widths)]
            )
            self.head = nnx.Linear(64, 1, rngs=rngs)

        def __call__(self, x):
            for convolution in self.convolutions:
                x = nnx.relu(convolution(x))
            return self.head(x.mean((1, 2)))[:, 0]

    def arrays(kinds: tuple[list, list]) -> tuple[np.ndarray, np.ndarray]:
        x = 1 - np.stack([*kinds[0], *kinds[1]])[..., None].astype(np.float32) / 255
        return x, np.repeat([0.0, 1.0], [len(kinds[0]), len(kinds[1])]).astype(np.float32)

    graph, params = nnx.split(Probe(nnx.Rngs(seed)))
    optimiser = optax.adamw(2e-3, weight_decay=1e-3)
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, x, y):
        def loss(params):
            return optax.sigmoid_binary_cross_entropy(nnx.merge(graph, params)(x), y).mean()

        updates, state = optimiser.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    x, y = arrays(train)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = rng.integers(0, len(x), 64)
        batch = np.where(rng.random((64, 1, 1, 1)) < 0.5, x[chosen], x[chosen][:, :, ::-1])
        shift = rng.integers(-3, 4, 2)
        params, state = step(params, state, jnp.asarray(np.roll(batch, shift, (1, 2))), jnp.asarray(y[chosen]))
    x, y = arrays(test)
    answers = np.asarray(nnx.merge(graph, params)(jnp.asarray(x))) > 0
    # Both kinds count alike, whatever their number.
    return float(np.mean([(answers == (y > 0.5))[y == kind].mean() for kind in (0, 1)]))


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--pairs", required=True, metavar="DIR", help="a dataset of pairs, for its photos")
    parser.add_argument("--drawings", required=True, metavar="DIR", help="a dataset of drawings by people")
    parser.add_argument("--each", type=int, default=80, help="drawings a category for training (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=400, help="of the probe (default: %(default)s)")
    args = parser.parse_args()
    with exit_on_user_error("experiments.human_lines"):
        from sketch2photo.data import store, styles

        pairs, drawings = store.open_dataset(args.pairs), store.open_dataset(args.drawings)
        categories = [name for name in pairs.categories if name in drawings.categories]
        rng = np.random.default_rng(0)
        people = {split: human(drawings, split, categories, args.each, rng) for split in ("train", "val")}
        counts = {split: {c: len(v) for c, v in found.items()} for split, found in people.items()}
        flat = {split: [view for views in found.values() for view in views] for split, found in people.items()}
        print(f"{len(flat['train'])} human drawings to learn from, {len(flat['val'])} to be asked about")
        table = {}
        for style in styles.STYLES:
            made = {split: simulated(pairs, split, style, counts[split], rng) for split in ("train", "val")}
            table[style] = probe_accuracy(
                (flat["train"], made["train"]), (flat["val"], made["val"]), args.steps, seed=0
            )
            print(f"{style:12}{table[style]:.3f}", flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps({"probe_accuracy": table, "human": counts}, indent=2) + "\n")


if __name__ == "__main__":
    main()
