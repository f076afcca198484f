"""Weights from elsewhere in our layout and for our input."""

from sketch2photo.convert.vgg import Convolution, read_vgg

__all__ = ["Convolution", "read_vgg"]
