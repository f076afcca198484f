"""The classifier on features, and the search for copies, on clouds of points."""

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.evaluation import metrics

CLASSES = ("car", "pear", "shoe")


def clouds(counts=(200, 20, 60), spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0, 5.0], [3, 0, 5.0], [0, 3, 5.0]])
    labels = np.repeat(np.arange(3), counts)
    return centres[labels] + rng.normal(0, spread, (len(labels), 3)), labels


def test_it_learns_clouds_and_answers_new_points():
    features, labels = clouds()
    classifier = metrics.fit_photo_classifier(features, labels, CLASSES)
    new, expected = clouds(seed=1)
    names = [CLASSES[label] for label in expected]
    assert classifier.named(new, names).mean() > 0.99
    wrong = [CLASSES[(label + 1) % 3] for label in expected]
    assert classifier.named(new, wrong).mean() < 0.01
    assert classifier.named(new, wrong, best=3).all()


def test_classes_weigh_alike_however_many_photos_they_have():
    # Two overlapping clouds: the border lies in the middle, not near the smaller one.
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(-1, 1, (4000, 1)), rng.normal(1, 1, (400, 1))])
    classifier = metrics.fit_photo_classifier(features, np.repeat([0, 1], [4000, 400]), ("a", "b"))
    grid = np.linspace(-2, 2, 401)[:, None]
    first = classifier.logits(grid)
    border = grid[np.argmin(np.abs(first[:, 0] - first[:, 1])), 0]
    assert border == pytest.approx(0, abs=0.15)


def test_what_it_needs():
    with pytest.raises(ConfigError, match="two or more categories, 'shoe' has none"):
        metrics.fit_photo_classifier(np.zeros((4, 2)), np.array([0, 0, 1, 1]), CLASSES)
    with pytest.raises(ConfigError, match="two or more categories, received 1 category"):
        metrics.fit_photo_classifier(np.zeros((4, 2)), np.zeros(4, int), ("shoe",))
    features, labels = clouds()
    with pytest.raises(ConfigError, match="does not know 'boat'"):
        metrics.fit_photo_classifier(features, labels, CLASSES).named(features[:1], ["boat"])


def test_the_nearest_by_angle():
    training = np.array([[1.0, 0], [0, 2], [-3, 0]])
    distance, place = metrics.nearest(np.array([[5.0, 0], [1, 1.1], [-1, 0.001]]), training)
    assert place.tolist() == [0, 1, 2]
    np.testing.assert_allclose(distance, [0, 1 - 1.1 / np.hypot(1, 1.1), 0], atol=1e-6)
    assert metrics.nearest(np.zeros((0, 2)), training)[0].shape == (0,)


def test_copies_are_suspicious_and_new_pictures_are_not():
    rng = np.random.default_rng(0)
    training, held_out, new = (rng.normal(size=(n, 20)) for n in (500, 300, 400))
    of_real, _ = metrics.nearest(held_out, training)
    assert metrics.suspicious(metrics.nearest(new, training)[0], of_real) < 0.05
    repeated = training[:400] + rng.normal(0, 0.02, (400, 20))
    assert metrics.suspicious(metrics.nearest(repeated, training)[0], of_real) > 0.95
