"""How well is an object cut out? Mean intersection over union with true masks, for each method.

scripts/bench segment --sketchy DATA/sketchy

Synthetic cases are drawn here, on plain grounds (shaded, with noise and a cast shadow) and on busy ones. With
--sketchy, 24 photos of the Sketchy Database as well, whose outlines were set by hand (`segment_outlines.json`).
"""

import json
from pathlib import Path

import cv2
import numpy as np

from benchmarks import compare
from sketch2photo.errors import exit_on_user_error

OUTLINES = Path(__file__).with_name("segment_outlines.json")
_SIDE = 256


def synthetic(number: int, plain: bool) -> tuple[np.ndarray, np.ndarray]:
    """A shaded object of a random shape and its true mask; uint8 (s, s, 3) RGB and (s, s)."""
    rng = np.random.default_rng([number, plain])
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    bumps = sum(rng.uniform(-0.2, 0.2) * np.cos(k * angles + rng.uniform(0, 7)) for k in range(2, 6))
    reach = rng.uniform(45, 80) * (1 + bumps)
    middle = rng.uniform(105, 150, 2)
    points = (middle + np.stack([reach * np.cos(angles), reach * np.sin(angles)], 1)).round().astype(np.int32)
    mask = cv2.fillPoly(np.zeros((_SIDE, _SIDE), np.uint8), [points], 255)
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    if plain:
        tone = rng.uniform(110, 250) * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.85, 1)])
        ground = tone * (1 - rng.uniform(0, 0.25) * (x * rng.uniform(-1, 1) + y)[..., None])
        shadow = np.roll(cv2.GaussianBlur(mask, (0, 0), 6), (9, 5), (0, 1))[..., None] / 255
        ground = ground * (1 - rng.uniform(0.05, 0.2) * shadow)
    else:
        cells = rng.uniform(30, 230, (rng.integers(5, 14), rng.integers(5, 14), 3)).astype(np.float32)
        ground = cv2.resize(cells, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    while True:
        colour = rng.uniform(20, 235, 3)
        if np.abs(colour - ground.reshape(-1, 3).mean(0)).max() > 70:
            break
    thing = colour * (1.1 - 0.4 * np.hypot(x - 0.4, y - 0.4))[..., None]
    for _ in range(3):
        spot = tuple(int(v) for v in middle + rng.uniform(-25, 25, 2))
        cv2.circle(thing, spot, int(rng.integers(5, 14)), tuple(float(v) for v in colour * rng.uniform(0.5, 1.4)), -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None] / 255
    photo = ground * (1 - alpha) + thing * alpha + rng.normal(0, 4, (_SIDE, _SIDE, 3))
    return photo.clip(0, 255).astype(np.uint8), mask


def by_hand(sketchy: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """The photos whose outlines were set by hand, with these as masks; holes are later polygons of a photo."""
    from sketch2photo import images

    folder = next(sketchy.rglob("photo")) / "tx_000000000000"
    cases = []
    for name, polygons in json.loads(OUTLINES.read_text()).items():
        photo = images.resize(images.decode_photo(folder / name), _SIDE)
        mask = np.zeros((_SIDE, _SIDE), np.uint8)
        for number, polygon in enumerate(polygons):
            cv2.fillPoly(mask, [np.array(polygon, np.int32)], 0 if number else 255)
        cases.append((photo, mask))
    return cases


def iou(mask: np.ndarray, true: np.ndarray) -> float:
    """Intersection over union of two masks."""
    a, b = mask > 127, true > 127
    return float((a & b).sum() / max((a | b).sum(), 1))


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--sketchy", type=Path, metavar="DIR", help="the Sketchy Database, for the photos")
    parser.add_argument("--count", type=int, default=40, help="synthetic cases of each kind (default: %(default)s)")
    args = parser.parse_args()
    with exit_on_user_error("experiments.segment"):
        from sketch2photo.data import segment

        kinds = {
            "plain ground": [synthetic(n, True) for n in range(args.count)],
            "busy ground": [synthetic(n, False) for n in range(args.count)],
        }
        if args.sketchy:
            kinds["photos"] = by_hand(args.sketchy)
        methods = [method for method in segment.METHODS if method != "none"]
        table = {
            kind: {m: float(np.mean([iou(segment.find_mask(p, m), t) for p, t in cases])) for m in methods}
            for kind, cases in kinds.items()
        }
        print(f"{'mean IoU':16}" + "".join(f"{method:>12}" for method in methods))
        for kind, row in table.items():
            print(f"{kind + f' ({len(kinds[kind])})':16}" + "".join(f"{row[method]:12.3f}" for method in methods))
        if args.json:
            Path(args.json).write_text(json.dumps({"mean_iou": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
