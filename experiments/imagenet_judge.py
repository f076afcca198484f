"""Which of a model's photos of people's drawings a network of ImageNet takes for what they are to be, by category.

    python -m experiments.imagenet_judge --checkpoint checkpoints/studio --raw DATA [--each 12] [--grid FILE.png]

The judge is EfficientNet-Lite1 of DATA/pretrained, which trains nothing here. Every category of which ImageNet has
classes is painted of drawings of `human_val.csv`, being told what it is; a photo counts when one of these classes is
among the judge's five likeliest (first: the likeliest of all). `--real` measures true photos of a dataset instead,
which is what can be reached. Fog and specks are those of `studio_pictures`.
"""

import argparse
from pathlib import Path

import numpy as np

from experiments import human_sketches
from sketch2photo import kernels
from sketch2photo.errors import exit_on_user_error

kernels.prepare()

CLASSES: dict[str, tuple[int, ...]] = {
    "airplane": (404, 895),
    "apple": (948,),
    "backpack": (414,),
    "banana": (954,),
    "bed": (564, 831, 520),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "bottle": (440, 720, 737, 898, 899, 901, 907),
    "butterfly": (*range(321, 327),),
    "car": (407, 436, 468, 479, 511, 581, 609, 627, 654, 656, 661, 717, 751, 817, 864),
    "cat": (*range(281, 286),),
    "chair": (423, 559, 765, 857),
    "clock": (409, 826, 892),
    "dog": (*range(151, 269),),
    "donut": (931,),
    "eyeglasses": (836, 837),
    "fish": (0, 1, *range(389, 398)),
    "flower": (985, 986),
    "guitar": (402, 546),
    "handbag": (748, 636),
    "hat": (439, 452, 515, 793, 808),
    "ice_cream": (928,),
    "lamp": (619, 846),
    "motorcycle": (665, 670),
    "mug": (504, 968),
    "mushroom": (947, 992, 997),
    "pineapple": (953,),
    "sailboat": (484, 780, 871, 914),
    "shoe": (502, 514, 630, 770, 774, 788),
    "sofa": (831,),
    "strawberry": (949,),
    "t_shirt": (610,),
    "table": (526, 532, 736),
    "teapot": (505, 849),
    "teddy_bear": (850,),
    "umbrella": (879,),
    "vase": (883,),
    "watch": (531, 826, 409),
}
"""Classes of ImageNet (ILSVRC 2012, counted from 0) that are what a person means; what it does not know is not here."""
SIDE = 256


def main() -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--checkpoint", type=Path, default=Path("checkpoints/studio"), metavar="DIR", help="a released model or a run")
    add("--raw", type=Path, required=True, metavar="DIR", help="the folder of real data")
    add("--each", type=int, default=12, metavar="N", help="drawings a category (default: %(default)s)")
    add("--grid", type=Path, metavar="PNG", help="drawings and photos; not in a repository")
    add("--real", type=Path, metavar="DIR", help="a dataset, of whose validation photos to tell instead")
    options = parser.parse_args()
    with exit_on_user_error("imagenet_judge"):
        print(_of_photos(options) if options.real else _of_drawings(options))


def ranks(judge: Path, photos: np.ndarray, categories: list[str]) -> np.ndarray:
    """At which place the judge has the best class of each photo's category, from 0; photos uint8 (n, s, s, 3)."""
    import jax
    import jax.numpy as jnp

    from sketch2photo.models import efficientnet

    arrays = dict(np.load(judge))
    weights, architecture = efficientnet.read(arrays, str(judge))
    head = {name: jnp.asarray(arrays[name], jnp.float32) for name in ("head_w", "head_b", "fc_w", "fc_b")}

    @jax.jit
    def logits(photo: jax.Array) -> jax.Array:
        last = efficientnet.maps(architecture, weights, photo.astype(jnp.float32) / 127.5 - 1.0)[-1]
        wide = jnp.clip(last @ head["head_w"].reshape(last.shape[-1], -1) + head["head_b"], 0, 6)
        return wide.mean((1, 2)) @ head["fc_w"].reshape(wide.shape[-1], -1) + head["fc_b"]

    found = []
    for photo, category in zip(photos, categories, strict=True):
        order = np.argsort(-np.asarray(logits(photo[None]))[0])
        found.append(int(np.flatnonzero(np.isin(order, CLASSES[category]))[0]))
    return np.array(found)


def _judge(options: argparse.Namespace) -> Path:
    return options.raw / "pretrained" / "efficientnet_lite1.npz"


def _of_drawings(options: argparse.Namespace) -> str:
    from experiments.studio_pictures import fog, specks
    from sketch2photo import images
    from sketch2photo.release.weights import open_weights
    from sketch2photo.studio import Studio

    studio = Studio(open_weights(options.checkpoint).model)
    sketches = human_sketches.balanced(
        human_sketches.read(options.raw / "human_val.csv"), studio.categories, options.each
    )
    sheets = [sketch.sheet() for sketch in sketches]
    categories = [sketch.category for sketch in sketches]
    seen = [studio.predict(sheet, category) for sheet, category in zip(sheets, categories, strict=True)]
    photos = np.stack([images.resize(one.photo, SIDE) for one in seen if one.photo is not None])
    if options.grid:
        options.grid.write_bytes(images.encode_png(_grid(sheets, photos, categories)))
    known = [i for i, category in enumerate(categories) if category in CLASSES]
    places = ranks(_judge(options), photos[known], [categories[i] for i in known])
    foggy = np.mean([fog(photo) > 0.05 for photo in photos])
    specked = np.mean([specks(sheet, photo) > 0 for sheet, photo in zip(sheets, photos, strict=True)])
    table = _table([categories[i] for i in known], places)
    return f"{table}\nfog of more than 5% in {foggy:.2f} of {len(photos)}, specks in {specked:.2f}"


def _grid(sheets: list[np.ndarray], photos: np.ndarray, categories: list[str]) -> np.ndarray:
    """A row a category of drawings, each beside its photo."""
    pairs = [np.hstack([np.dstack([sheet] * 3), photo]) for sheet, photo in zip(sheets, photos, strict=True)]
    rows = [[pairs[i] for i, c in enumerate(categories) if c == name] for name in dict.fromkeys(categories)]
    width = max(map(len, rows))
    blank = np.full_like(pairs[0], 255)
    return np.vstack([np.hstack(row + [blank] * (width - len(row))) for row in rows])


def _of_photos(options: argparse.Namespace) -> str:
    from sketch2photo.data import loader

    data = loader.open_pairs([options.real])
    found = loader.pair_examples(data, "val", image_size=SIDE, per_category=options.each)
    categories = [data.categories[label] for label in found["label"]]
    known = [i for i, category in enumerate(categories) if category in CLASSES]
    names = [categories[i] for i in known]
    return _table(names, ranks(_judge(options), found["photo"][known][..., :3], names))


def _table(categories: list[str], places: np.ndarray) -> str:
    """The share that is first and among five, by category and as their mean."""
    names = sorted(set(categories))
    of = {name: places[np.array(categories) == name] for name in names}
    rows = [(name, len(x), (x == 0).mean(), (x < 5).mean()) for name, x in of.items()]
    rows.append(("mean", len(places), *np.mean([row[2:] for row in rows], 0)))
    return "\n".join(f"{name:12} {count:4d}  first {first:.2f}  five {five:.2f}" for name, count, first, five in rows)


if __name__ == "__main__":
    main()
