"""How many pictures a second does the input make by itself, while nothing is trained?

scripts/bench data --data datasets/studio
"""

from benchmarks import compare
from sketch2photo.config import GAN_PRESETS
from sketch2photo.errors import exit_on_user_error


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--data", required=True, metavar="DIR", help="a dataset of prepare_data.py, of pairs")
    parser.add_argument("--size", type=int, default=128, help="pixels a side (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="pairs a batch (default: %(default)s)")
    parser.add_argument("--balance", default=GAN_PRESETS["studio"].balance, help="(default: %(default)s)")
    args = parser.parse_args()
    with exit_on_user_error("benchmarks.data"):
        from sketch2photo.data import pipeline

        dataset = pipeline.open_dataset(args.data)

        batches = pipeline.pair_batches(
            dataset, "train", batch_size=args.batch_size, image_size=args.size, balance=args.balance, seed=0
        )
        # Batches are made ahead: long blocks, and the first batches are not counted.
        timings = compare.interleave({"pairs": lambda: next(batches)}, rounds=args.rounds, seconds=4.0, warm_up=8)
        compare.report(
            f"input alone, {args.size} px, batch {args.batch_size}", timings, images=args.batch_size, to=args.json
        )


if __name__ == "__main__":
    main()
