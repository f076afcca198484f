"""The network that a generator's perceptual loss compares features of, from whatever a user names."""

from pathlib import Path

from sketch2photo.models import perceptual
from sketch2photo.training import initialise_classifier


def load_features(path: str) -> perceptual.Perceptual:
    """A file of VGG's or SqueezeNet's convolutions, or the folder of our classifier: a run's or a release's.

    Raises:
      ConfigError: the file holds something else.
      CheckpointError: the folder is neither run nor release, or has no classifier.
    """
    if Path(path).is_dir():
        return perceptual.of_classifier(initialise_classifier.read_source(path, "--loss.perceptual-features").weights)
    return perceptual.load(path)
