"""How a classifier's logits become what is shown, and what its confidence is worth.

A `Calibration` is found on validation drawings when a classifier's training ends, and released with it. All functions
take logits of n drawings as float (n, k) or (n, k + 1) numpy arrays, the last column of the latter being "none of
these", and labels as int (n,).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sketch2photo.errors import CheckpointError, ConfigError
from sketch2photo.files import write_atomic

CALIBRATION_FILE = "calibration.json"
"""In a classifier's run, at its end."""
FALSE_REJECTIONS = 0.05
"""Share of drawings of known categories that may be called "none of these"."""

SHARPENED = (1.0, 0.7, 0.5, 0.35, 0.25)
"""Shares of the temperature that are tried for the probability of "none of these"."""
CLEARLY = 0.01
"""How much more of the others a sharper share must find than a plainer one; less is chance among thousands of them."""


@dataclass(frozen=True)
class Calibration:
    """How the classifier's logits become what is shown."""

    temperature: float = 1.0
    """Logits are divided by it (Guo et al. 2017, section 4.2)."""
    unsure_below: float = 0.5
    """A likeliest category less probable than this is "not sure yet"."""
    none_above: float = 0.5
    """A probability of "none of these" above this is "none of these"."""
    none_temperature: float | None = None
    """What logits are divided by for that probability alone; None as for the others."""

    @property
    def of_none(self) -> float:
        """The temperature of the probability of "none of these"."""
        return self.temperature if self.none_temperature is None else self.none_temperature


def write_calibration(run: Path, calibration: Calibration) -> None:
    """Keep it in the classifier's run."""
    write_atomic(run / CALIBRATION_FILE, json.dumps(asdict(calibration), indent=2) + "\n")


def read_calibration(run: Path) -> Calibration:
    """What the classifier's run found at its end; `CheckpointError` if it did not get there or the file is broken."""
    try:
        return Calibration(**json.loads((run / CALIBRATION_FILE).read_text()))
    except FileNotFoundError:
        remedy = "it is written when training ends, go on with --resume"
        raise CheckpointError(f"{str(run)!r} has no {CALIBRATION_FILE}: {remedy}") from None
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{str(run / CALIBRATION_FILE)!r} cannot be read ({error})") from None


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax over the last axis of logits / temperature, float64."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean of -log p(label), in nats."""
    scaled = np.asarray(logits, np.float64) / temperature
    return float((np.logaddexp.reduce(scaled, -1) - scaled[np.arange(len(labels)), labels]).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least negative log-likelihood (Guo et al. 2017, section 4.2), from 0.05 to 20, searched over
    its logarithm, where the likelihood has one minimum."""
    from scipy.optimize import minimize_scalar  # only here: slow to import

    def cost(log_temperature: float) -> float:
        return negative_log_likelihood(logits, labels, float(np.exp(log_temperature)))

    coldest, hottest = np.log([0.05, 20.0])
    best = minimize_scalar(cost, bounds=(coldest, hottest), method="bounded", options={"xatol": 1e-7}).x
    # Where no answer is wrong, the likelihood is 1 over a wide range.
    return float(np.exp(coldest if cost(coldest) <= cost(best) else best))


def expected_calibration_error(probability: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence (Guo et al. 2017, eq. 3)."""
    confidence = probability.max(-1)
    right = probability.argmax(-1) == labels
    # A bin holds its upper edge, not its lower one: (m - 1) / bins < confidence <= m / bins.
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of, right - confidence)).sum() / len(labels))


def unsure_threshold(probability: np.ndarray, labels: np.ndarray) -> float:
    """The confidence below which an answer is better kept back, never over 0.9.

    Chow's rule (1970) on data: a right answer earns 1, a wrong one costs 1, none is worth 0; the least threshold
    that earns most. Of a perfectly calibrated classifier it is 0.5.
    """
    levels, level = np.unique(probability.max(-1), return_inverse=True)
    gain = np.where(probability.argmax(-1) == labels, 1, -1)
    # What answering from each level on earns: drawings of the same confidence are answered all or none.
    earned = np.cumsum(np.bincount(level, gain)[::-1])[::-1]
    best = int(np.argmax(earned))
    below = levels[best - 1] if best else 0.0
    return float(min((levels[best] + below) / 2, 0.9)) if earned[best] > 0 else 0.9


def none_threshold(none_probability: np.ndarray, false_rejections: float = FALSE_REJECTIONS) -> float:
    """The least threshold over which at most that share of known drawings' none-probabilities lie."""
    ordered = np.sort(np.asarray(none_probability, np.float64))
    allowed = int(np.floor(false_rejections * len(ordered) + 1e-9))
    return float(ordered[len(ordered) - 1 - allowed])


@dataclass(frozen=True)
class Figures:
    """How good the classifier is on the validation drawings that a calibration rests on."""

    drawings: int
    """Of known categories."""
    accuracy: float
    """Over those, among the categories alone."""
    ece_before: float
    ece_after: float
    """The expected calibration error without and with the temperature."""
    none_recall: float | None
    """Share of the drawings of other categories that are recognised as such; None where there are none."""


def calibrate(logits: np.ndarray, labels: np.ndarray, n_categories: int) -> tuple[Calibration, Figures]:
    """How to read a classifier's logits, from those of validation drawings, (n, k + 1), and their labels in 0..k, k
    meaning "none of these"; `ConfigError` without a drawing of a known category.

    What is shown are probabilities over the k categories alone, so these are what is calibrated, on drawings of
    these categories. The none-probability is the last of all k + 1, at a temperature of its own, as a threshold is all
    that is made of it: the share in `SHARPENED` that finds most of the others, if `CLEARLY` more than those before it.
    The lower it is, the more the likeliest category alone is what "none of these" is held against. Without drawings of
    other categories no drawing is ever called none.
    """
    known, foreign = labels < n_categories, labels == n_categories
    if not known.any():
        raise ConfigError(
            "calibration needs validation drawings of the categories, received none: add some to the data"
        )
    inside, answers = logits[known][:, :n_categories], labels[known]
    temperature = fit_temperature(inside, answers) if n_categories > 1 else 1.0
    before, after = probabilities(inside), probabilities(inside, temperature)
    none_above, recall, of_none = 1.0, None, temperature
    if foreign.any():
        for share in SHARPENED:
            threshold = none_threshold(none_probability(logits[known], share * temperature))
            found = float((none_probability(logits[foreign], share * temperature) > threshold).mean())
            if recall is None or found > recall + CLEARLY:
                none_above, recall, of_none = threshold, found, share * temperature
    return Calibration(temperature, unsure_threshold(after, answers), none_above, of_none), Figures(
        drawings=int(known.sum()),
        accuracy=float((inside.argmax(-1) == answers).mean()),
        ece_before=expected_calibration_error(before, answers),
        ece_after=expected_calibration_error(after, answers),
        none_recall=recall,
    )


def none_probability(logits: np.ndarray, temperature: float) -> np.ndarray:
    """The last of the k + 1 probabilities."""
    return probabilities(logits, temperature)[..., -1]
