"""What goes wrong while a GAN trains, noticed early and said with what to do about it."""

import json
import math
from collections import deque
from pathlib import Path

from sketch2photo.errors import TrainingError

WINDOW = 1000
"""Steps that a discriminator must have won for: it is often far ahead at first, and caught up with."""
WON = 0.02
"""A mean discriminator loss below this over the window: it tells every photo, and its gradient says nothing more."""
DIVERGED_WINDOW = 200
DIVERGED = 20.0
"""A mean discriminator loss above this over that window: one that only guesses has at most 2 for each of its parts."""
COLLAPSED = 0.05
"""Spread of the generated photos of different sketches, as a share of that of the true ones."""


class Alarms:
    """Watches the figures of a run. An alarm is kept in alarms.jsonl; said again only after `WINDOW` steps without."""

    def __init__(self, path: Path, first: int):
        self._path = path
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._raised: dict[str, int] = {}
        """What was said, with the last step at which it was true: losses that diverge swing about any threshold."""
        self.said = [one for one in read_alarms(path) if one["step"] <= first]
        if path.is_file():
            path.write_text("".join(json.dumps(one) + "\n" for one in self.said))

    def step(self, step: int, values: dict[str, float]) -> list[str]:
        """New alarms by a step's metrics.

        Raises:
          TrainingError: a loss is no number any more.
        """
        check_finite(step, values)
        if "loss_discriminator" not in values:
            return []
        self._recent.append(values["loss_discriminator"])
        mean = sum(self._recent) / len(self._recent)
        won = self._say(
            step,
            "discriminator",
            len(self._recent) == WINDOW and mean < WON,
            f"the discriminator has won: its loss was {mean:.3f} over the last {WINDOW} steps, and the generator "
            "learns nothing from it any more; lower --optimiser.discriminator-rate, add --augment.diffaugment or more "
            "photos",
        )
        latest = list(self._recent)[-DIVERGED_WINDOW:]
        mean = sum(latest) / DIVERGED_WINDOW
        diverged = self._say(
            step,
            "diverged",
            len(latest) == DIVERGED_WINDOW and mean > DIVERGED,
            f"training has diverged: the discriminator's loss was {mean:.0f} over the last {DIVERGED_WINDOW} steps; go "
            "back to an earlier checkpoint, lower both --optimiser.generator-rate and --optimiser.discriminator-rate, "
            "or add --optimiser.clip 1",
        )
        return won + diverged

    def sample(self, step: int, figures: dict[str, float]) -> list[str]:
        """New alarms by the figures of a sample grid."""
        if "val_spread" not in figures:
            return []
        return self._say(
            step,
            "collapse",
            figures["val_spread"] < COLLAPSED,
            "the generator has collapsed: it paints nearly the same for every sketch (spread "
            f"{figures['val_spread']:.3f} of the photos' own); go back to an earlier checkpoint, raise --loss.l1 or "
            "--loss.feature-matching, or "
            "lower --optimiser.generator-rate",
        )

    def _say(self, step: int, kind: str, wrong: bool, text: str) -> list[str]:
        raised = self._raised.get(kind)
        if not wrong:
            if raised is not None and step - raised >= WINDOW:
                del self._raised[kind]
            return []
        self._raised[kind] = step
        if raised is not None:
            return []
        self.said.append({"step": step, "alarm": text})
        with self._path.open("a") as file:
            file.write(json.dumps(self.said[-1]) + "\n")
        return [f"ALARM at step {step}: {text}"]


def check_finite(step: int, values: dict[str, float]) -> None:
    """Raises `TrainingError` when a metric of this step is no number."""
    lost = [name for name, value in values.items() if not math.isfinite(value)]
    if lost:
        raise TrainingError(f"{' and '.join(lost)} became {values[lost[0]]} at step {step}")


def read_alarms(path: Path) -> list[dict]:
    """The alarms of a run so far; lines that were not finished are left out."""
    found = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            one = json.loads(line)
            found.append({"step": int(one["step"]), "alarm": str(one["alarm"])})
        except (ValueError, KeyError, TypeError):
            continue
    return found
