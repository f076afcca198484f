"""Which split an example is in: by a fixed hash of its group, so that adding pictures never moves old ones."""

import hashlib
from collections.abc import Iterable

from sketch2photo.data.example import SPLITS
from sketch2photo.errors import DataError

VAL_SHARE = 0.1


def hashed_split(group: str) -> str:
    """ "train", or for a tenth of all groups "val"; depends on nothing but the group's name."""
    number = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big")
    return "val" if number < VAL_SHARE * 2**64 else "train"


def strictest(splits: Iterable[str]) -> str:
    """test before val before train."""
    return max(splits, key=SPLITS.index)


def check_split(split: str, where: str) -> str:
    """`split` if it is one we know.

    Raises:
      DataError: it is not.
    """
    if split not in SPLITS:
        raise DataError(f"{where}: the split is {split!r}, but must be one of train, val, test")
    return split


def settle(examples: list) -> list[str]:
    """Decide the splits that are open, and bring every group into one split; returns remarks for the report.

    Args:
      examples: `Example`s with a group; their `split` is set.
    """
    given: dict[str, set[str]] = {}
    for example in examples:
        if example.split:
            given.setdefault(example.group, set()).add(example.split)
    remarks = []
    for group, splits in sorted(given.items()):
        if len(splits) > 1:
            kept = strictest(splits)
            remarks.append(f"group {group} was in {' and '.join(sorted(splits))}: all of it is in {kept} now")
    for example in examples:
        splits = given.get(example.group)
        example.split = strictest(splits) if splits else hashed_split(example.group)
    if not given and not any(example.split == "train" for example in examples):
        for example in examples:
            example.split = "train"
        remarks.append("too few groups for a validation split: everything is in train")
    return remarks
