"""The comparison with PyTorch: what it says where there is none, and what is compared."""

import subprocess
import sys

import pytest

from benchmarks import train_step
from benchmarks.torch_process import TorchProcess
from sketch2photo.errors import ConfigError

pytestmark = pytest.mark.slow


def test_without_pytorch_it_says_what_to_do(tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True, timeout=120)
    with pytest.raises(ConfigError, match=r"there is no PyTorch in .*: pip install torch==2.13.0"):
        TorchProcess(str(bare / "bin" / "python"))
    with pytest.raises(ConfigError, match=r"which does not start .*: name a Python interpreter"):
        TorchProcess(str(tmp_path / "nowhere"))


def test_networks_of_other_sizes_are_not_compared():
    train_step.check_parameters([5, 3], {"contiguous": [5, 3]})
    with pytest.raises(AssertionError, match=r"has \[5, 4\] parameters"):
        train_step.check_parameters([5, 3], {"contiguous": [5, 3], "channels_last": [5, 4]})
