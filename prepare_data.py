#!/usr/bin/env python3
"""Make a dataset of sketches and photos from raw files.

python prepare_data.py photos   --raw DIR [--manifest CSV] --out DIR
python prepare_data.py sketchy  --raw DIR --categories NAME ... --out DIR
python prepare_data.py drawings --raw DIR[=CATEGORY] ... [--rename OLD=NEW ...] [--val CSV] --out DIR
python prepare_data.py merge    DATASET DATASET ... --out DIR
"""

from functools import partial

from sketch2photo import cli

main = partial(cli.run, "prepare", "prepare_data.py")

if __name__ == "__main__":
    main()
