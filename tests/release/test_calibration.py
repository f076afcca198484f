"""Temperature, calibration error and thresholds on cases whose answers are known by hand."""

import numpy as np
import pytest

from sketch2photo.errors import ConfigError
from sketch2photo.release import calibration as c


def drawn_from(logits, rng):
    """Labels that follow the softmax of the logits exactly as it says."""
    p = c.probabilities(logits)
    return (p.cumsum(1) < rng.random((len(p), 1))).sum(1).clip(0, p.shape[1] - 1)


def test_probabilities_are_a_softmax_and_survive_large_logits():
    logits = np.array([[1e4, 1e4, -1e4], [0.0, np.log(2.0), np.log(5.0)]])
    np.testing.assert_allclose(c.probabilities(logits), [[0.5, 0.5, 0], [1 / 8, 2 / 8, 5 / 8]])
    np.testing.assert_allclose(c.probabilities(np.array([0.0, 2.0]), 2.0), [1 / (1 + np.e), np.e / (1 + np.e)])


def test_negative_log_likelihood_by_hand():
    logits = np.log([[0.25, 0.75], [0.5, 0.5]])
    assert c.negative_log_likelihood(logits, np.array([1, 0])) == pytest.approx(-np.log(0.75 * 0.5) / 2)


def test_the_temperature_of_two_classes_in_closed_form():
    # Logits (a, 0) everywhere and a share q of right answers: softmax = q at temperature a / log(q / (1 - q)).
    logits = np.tile([4.0, 0.0], (100, 1))
    labels = np.repeat([0, 1], [80, 20])
    assert c.fit_temperature(logits, labels) == pytest.approx(4.0 / np.log(4.0), rel=1e-4)


@pytest.mark.parametrize("factor", [0.3, 1.0, 2.5])
def test_the_temperature_undoes_a_factor(factor):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 6))
    labels = drawn_from(logits, rng)
    assert c.fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.03)
    assert c.fit_temperature(logits * factor, labels) == pytest.approx(
        factor * c.fit_temperature(logits, labels), rel=1e-4
    )


def test_the_temperature_is_no_worse_than_any_other():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 3, (50, 4)), rng.integers(0, 4, 50)
    best = c.negative_log_likelihood(logits, labels, c.fit_temperature(logits, labels))
    for other in np.geomspace(0.05, 20, 200):
        assert best <= c.negative_log_likelihood(logits, labels, other) + 1e-6


def test_a_classifier_that_is_always_right_gets_the_coldest_temperature():
    assert c.fit_temperature(np.eye(3) * 5, np.arange(3)) == pytest.approx(0.05, rel=1e-3)


def test_calibration_error_by_hand():
    # 0.9 sure and right in 7 of 10; 0.6 sure and right in 5 of 10: (0.2 + 0.1) / 2.
    probability = np.repeat([[0.9, 0.1], [0.6, 0.4]], 10, 0)
    labels = np.array([0] * 7 + [1] * 3 + [0] * 5 + [1] * 5)
    assert c.expected_calibration_error(probability, labels) == pytest.approx(0.15)
    # Both fall into one bin when there is but one: |0.75 - 0.6|.
    assert c.expected_calibration_error(probability, labels, bins=1) == pytest.approx(0.15)
    assert c.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0
    assert c.expected_calibration_error(np.array([[1.0, 0.0]]), np.array([1])) == 1.0


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    # With 2 bins 0.5 lies in the lower one and 0.6 in the upper: gaps 0.5 and 0.4, not their difference.
    probability = np.array([[0.5, 0.5], [0.6, 0.4]])
    assert c.expected_calibration_error(probability, np.array([0, 1]), bins=2) == pytest.approx((0.5 + 0.6) / 2)


def test_an_honest_classifier_has_no_calibration_error_and_is_unsure_below_a_half():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (60_000, 6))
    labels = drawn_from(logits, rng)
    probability = c.probabilities(logits)
    assert c.expected_calibration_error(probability, labels) < 0.01
    assert c.unsure_threshold(probability, labels) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("confidence", "right", "threshold"),
    [
        ([0.95, 0.9, 0.6, 0.4], [1, 1, 0, 0], 0.75),  # halfway between the last right and the first wrong one
        ([0.95, 0.9, 0.6, 0.4], [1, 1, 1, 1], 0.2),  # all are right: answer all
        ([0.95, 0.9, 0.6, 0.4], [0, 0, 0, 0], 0.9),  # none is
        ([0.99, 0.98, 0.6, 0.5], [1, 0, 0, 0], 0.9),  # never over 0.9
        ([0.8, 0.8, 0.8, 0.6], [1, 1, 0, 0], 0.7),  # equal confidences stand or fall together
    ],
)
def test_unsure_threshold_by_hand(confidence, right, threshold):
    confidence = np.array(confidence)
    # Nine more classes share the rest, so that the first always leads.
    probability = np.concatenate([confidence[:, None], np.repeat((1 - confidence)[:, None] / 9, 9, 1)], 1)
    assert c.unsure_threshold(probability, np.where(right, 0, 1)) == pytest.approx(threshold)


def test_none_threshold_rejects_at_most_the_allowed_share():
    values = np.arange(1, 101) / 100
    threshold = c.none_threshold(values)
    assert threshold == 0.95
    assert (values > threshold).mean() == 0.05
    assert c.none_threshold(np.full(10, 0.3)) == pytest.approx(0.3)  # ties are not rejected
    assert c.none_threshold(np.array([0.2, 0.1])) == 0.2  # too few to reject any


def test_calibrate_reads_the_none_class_apart():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 200)
    logits = rng.normal(0, 1, (600, 3))
    logits[np.arange(600), labels] += 4
    found, figures = c.calibrate(logits, labels, 2)
    assert figures.drawings == 400
    assert figures.accuracy == (logits[:400, :2].argmax(1) == labels[:400]).mean()
    assert found.temperature == pytest.approx(c.fit_temperature(logits[:400, :2], labels[:400]))
    none = c.none_probability(logits, found.of_none)
    assert (none[:400] > found.none_above).mean() <= 0.05
    assert figures.none_recall == (none[400:] > found.none_above).mean() > 0.8


def test_none_gets_the_temperature_that_finds_most():
    """Of a known drawing one category is likely, of another all twelve are a little: only a sharp look tells them."""
    rng = np.random.default_rng(1)
    labels = np.arange(400) % 12
    logits = np.full((800, 13), 3.8)
    logits[:400] = 0.0
    logits[np.arange(400), labels] = 6.0
    logits[:, 12] = 4.0
    logits += rng.normal(0, 0.2, logits.shape)
    labels[:40] = (labels[:40] + 1) % 12  # wrong answers, or the temperature would be next to nothing
    labels = np.concatenate([labels, np.full(400, 12)])
    found, figures = c.calibrate(logits, labels, 12)
    shares = [found.of_none / found.temperature, *c.SHARPENED]
    recalls = []
    for share in shares:
        scores = c.none_probability(logits, share * found.temperature)
        recalls.append((scores[400:] > c.none_threshold(scores[:400])).mean())
    assert recalls[0] >= max(recalls) - c.CLEARLY and recalls[0] > recalls[1] + c.CLEARLY
    assert figures.none_recall == recalls[0]


def test_none_keeps_the_temperature_where_another_finds_hardly_more(monkeypatch):
    rng = np.random.default_rng(0)
    labels = np.arange(1200) % 5
    logits = rng.normal(0, 1.5, (1200, 5))
    logits[np.arange(1200), labels] += 3.5
    found, figures = c.calibrate(logits, labels, 4)
    assert found.of_none == found.temperature
    monkeypatch.setattr(c, "CLEARLY", 0.0)
    sharper, of_sharper = c.calibrate(logits, labels, 4)
    assert sharper.of_none < found.temperature
    assert 0 < of_sharper.none_recall - figures.none_recall < 0.01


def test_calibrate_without_foreign_drawings_never_says_none():
    found, figures = c.calibrate(np.eye(3)[[0, 1, 0, 1]] * 3, np.array([0, 1, 0, 1]), 2)
    assert found.none_above == 1.0
    assert figures.none_recall is None


def test_calibrate_needs_drawings():
    with pytest.raises(ConfigError, match=r"needs validation drawings of the categories, received none"):
        c.calibrate(np.zeros((3, 4)), np.full(3, 3), 3)
