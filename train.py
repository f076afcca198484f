#!/usr/bin/env python3
"""Train the generator (sketch -> photo) or the classifier (sketch -> category).

python train.py gan        --data datasets/studio --out runs/studio [--preset studio]
python train.py classifier --data datasets/drawings datasets/studio --out runs/classifier
"""

from functools import partial

from sketch2photo import cli

main = partial(cli.run, "train", "train.py")

if __name__ == "__main__":
    main()
