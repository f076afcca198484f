#!/usr/bin/env python3
"""Make a dataset of sketches and photos from raw files.

python prepare_data.py photos   --raw DIR [--manifest CSV] --out DIR
python prepare_data.py sketchy  --raw DIR --categories NAME ... --out DIR
python prepare_data.py drawings --raw DIR[=CATEGORY] ... [--rename OLD=NEW ...] [--val CSV] --out DIR
python prepare_data.py merge    DATASET DATASET ... --out DIR
"""

import sys

from sketch2photo.data import command
from sketch2photo.errors import exit_on_user_error


def main(arguments: list[str]) -> None:
    """Build the dataset the arguments ask for. User errors are one sentence and exit code 2."""
    with exit_on_user_error("prepare_data.py"):
        command.run(command.parse(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
