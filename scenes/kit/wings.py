"""Wings: aerofoils from a root to a rounded tip."""

import math

import numpy as np

from scenes.kit.meshes import Mesh, loft


def foil(nose: np.ndarray, chord: float, thick: float) -> np.ndarray:
    """The section of a wing: its front edge at `nose`, `chord` long towards -x; (30, 3).

    The thickness is that of NACA's 4-digit series (Jacobs et al. 1933), `thick` of the chord.
    """
    x = (1 - np.cos(np.linspace(0, math.pi, 16))) / 2
    half = 5 * thick * (0.2969 * np.sqrt(x) - 0.126 * x - 0.3516 * x**2 + 0.2843 * x**3 - 0.1015 * x**4) + 0.002
    along, up = np.concatenate([x, x[-2:0:-1]]), np.concatenate([half, -half[-2:0:-1]])
    return nose + chord * np.stack([-along, 0 * along, up], 1)


def wing(span: float, root: float, tip: float, back: float, rise: float = 0.0) -> Mesh:
    """One wing, from the origin towards +y.

    Args:
      root, tip: chords.
      back, rise: how far its front edge goes back and up for each length of span.
    """
    sections = []
    for share in np.concatenate([np.linspace(0, 0.95, 10), [0.975, 0.99, 1.0]]):
        chord = root + (tip - root) * share
        ends = max(1 - (max(share - 0.95, 0) / 0.05) ** 2, 0.1) ** 0.5
        nose = np.array([-back * span * share - 0.3 * chord * (1 - ends), span * share, rise * span * share])
        sections.append(foil(nose, chord * ends, 0.12))
    return loft(sections)
