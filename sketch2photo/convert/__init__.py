"""Weights from elsewhere in our layout and for our input."""
