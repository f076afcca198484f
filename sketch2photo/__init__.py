"""Draw a few lines, see a photo.

    from sketch2photo import Studio
    prediction = Studio.load("checkpoints/studio").predict(sketch)

`Studio` and `Prediction` are loaded when first asked for, so that importing the package does not import jax.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sketch2photo.studio import Prediction, Studio

__version__ = "0.1.0"
__all__ = ["Prediction", "Studio", "__version__"]


def __getattr__(name: str) -> Any:
    if name in ("Studio", "Prediction"):
        from sketch2photo import studio

        return getattr(studio, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
