"""A released model whose generator lies between its own weights and those it was trained on from.

    python -m experiments.mean_generator --model NEW --before OLD --share 0.75 --out DIR

What was learned anew and what was known are both kept to a part (WiSE-FT, Wortsman et al. 2022, "Robust fine-tuning of
zero-shot models", eq. 2): every weight is `share` of the new one and the rest of the old one. What the old one lacks
(new categories, coverage, hints) is the new one's. Both are released models of the same networks.
"""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from sketch2photo.errors import ConfigError, exit_on_user_error
from sketch2photo.release import format


def main() -> None:
    """The command. User errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="DIR", help="the released model that was trained on")
    add("--before", type=Path, required=True, metavar="DIR", help="the one that it was trained on from")
    add("--share", type=float, default=0.75, help="of the new weights, 0 to 1 (default: %(default)s)")
    add("--out", type=Path, required=True, metavar="DIR")
    options = parser.parse_args()
    with exit_on_user_error("mean_generator"):
        if not 0 <= options.share <= 1:
            raise ConfigError(f"--share is {options.share}: give 0 to 1")
        model, before = format.read(options.model), format.read(options.before)
        mean = dataclasses.replace(model, generator=mean_generator(model, before, options.share))
        card = f"# {options.out.name}\n\n{options.share} of {options.model.name}, the rest of {options.before.name}.\n"
        print(f"{options.out}: {format.write(mean, options.out, card) / 1e6:.1f} MB")


def mean_generator(model: format.ReleasedModel, before: format.ReleasedModel, share: float) -> dict[str, Any]:
    """The weights between both. Raises `ConfigError` where the networks are not the same."""
    k, old = len(model.categories), before.categories
    rows = [(i, old.index(name)) for i, name in enumerate(model.categories) if name in old]
    rows += [(k + channel, len(old) + channel) for channel in range(3)]  # of the colour

    def mixed(new: Any, known: Any, place: str) -> Any:
        if isinstance(new, dict):
            return {name: mixed(value, known[name], f"{place}/{name}") for name, value in new.items()}
        result, known = np.array(new, np.float32), np.asarray(known, np.float32)
        if place == "/style/first/kernel":
            here, there = np.array(rows).T
            result[here] = share * result[here] + (1 - share) * known[there]
            return result
        if result.shape[:-1] != known.shape[:-1]:
            raise ConfigError(f"{place[1:]} is {known.shape} in the one and {result.shape} in the other network")
        both = np.s_[..., : known.shape[-1]]
        result[both] = share * result[both] + (1 - share) * known
        return result

    return mixed(model.generator, before.generator, "")


if __name__ == "__main__":
    main()
