"""How good a model is: calibration of its confidence, and measures of its pictures."""
