"""That all hosts of a run have the same settings and the same data."""

import hashlib
from typing import Any

import numpy as np

from sketch2photo.config import to_dict
from sketch2photo.training.folder import flat
from sketch2photo.training.hosts import Hosts


def check_hosts(hosts: Hosts, task: Any, options: dict[str, Any]) -> None:
    """Refuse to train what would be a mixture. On one host there is nothing to check.

    Of the data the first batch of all hosts is compared: which examples are in it depends on how many there are of
    every category, and on the seed.

    Args:
      task: a `loop.Task`.
      options: what else of the command line changes the run.

    Raises:
      ConfigError: this host has something else than the first.
    """
    if hosts.count == 1:
        return
    hosts.agree("settings", {**flat(to_dict(task.config)), **options})
    hosts.agree("data", {"categories": list(task.categories), "first batch": fingerprint(next(task.batches()))})
    hosts.wait()


def fingerprint(batch: dict[str, np.ndarray]) -> str:
    """Of all values of a batch, short enough to be read aloud."""
    digest = hashlib.sha256()
    for name in sorted(batch):
        digest.update(name.encode() + np.ascontiguousarray(batch[name]).tobytes())
    return digest.hexdigest()[:12]
