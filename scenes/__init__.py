"""Parametric objects, each a module of its category's name with `make(rng)`, rendered as photos with exact lines."""
