"""The comparison with onnxruntime, OpenVINO and PyTorch, without any of them: what a peer computes, and what the table
says of those that are not there, break or compute something else."""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from benchmarks import live_request, peer_networks, peers
from benchmarks.child_process import ChildError, ChildProcess
from benchmarks.inference import initial
from sketch2photo.config import ClassifierModelConfig, GanConfig, GanModelConfig, GeneratorConfig
from sketch2photo.models.layers import initialised
from sketch2photo.models.vgg import VGG16
from sketch2photo.release import format
from sketch2photo.training.gan import GanNetworks

SMALL = GanModelConfig(image_size=64, generator=GeneratorConfig(width=2, widest=4, style_width=4))

FAKE = """
import json, shutil, sys, time
import numpy as np
name = sys.argv[1]
for line in sys.stdin:
    asked = json.loads(line)
    what, answer = asked["ask"], {}
    if what == "about":
        answer = {"error": "there is no thing"} if name == "missing" else {"version": "1.0"}
    elif what == "make" and name == "stubborn":
        answer = {"error": "it does not compile"}
    elif what == "outputs":
        with np.load(sys.argv[0] + ".npz") as right:
            np.savez(asked["file"], *(value + (name == "wrong") for value in right.values()))
    elif what == "block":
        if name == "mortal" and asked["seconds"]:
            sys.exit()
        answer = {"seconds": [10.0 if name == "slow" else 1e-9]}
    print(json.dumps(answer), flush=True)
"""


class Lax:
    """The operations of `peer_networks`, by jax."""

    relu, tanh = staticmethod(jax.nn.relu), staticmethod(jnp.tanh)

    @staticmethod
    def leaky_relu(x):
        return jax.nn.leaky_relu(x, 0.2)

    @staticmethod
    def down(x, kernel, bias):
        y = lax.conv_general_dilated(x, kernel, (2, 2), ((1, 1), (1, 1)))
        return y if bias is None else y + bias[:, None, None]

    @staticmethod
    def up(x, kernel, bias):
        flipped = kernel[:, :, ::-1, ::-1].swapaxes(0, 1)
        y = lax.conv_general_dilated(x, flipped, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2))
        return y if bias is None else y + bias[:, None, None]

    @staticmethod
    def flat(x, kernel, bias):
        return lax.conv_general_dilated(x, kernel, (1, 1), ((1, 1), (1, 1))) + bias[:, None, None]

    @staticmethod
    def linear(x, kernel, bias):
        return x @ kernel + bias

    @staticmethod
    def joined(a, b):
        return jnp.concatenate([a, b], 1)

    @staticmethod
    def halve(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    @staticmethod
    def mean(x):
        return x.mean((2, 3))

    @staticmethod
    def norm(x, scale, shift):
        centred = x - x.mean((2, 3), keepdims=True)
        rate = lax.rsqrt((centred**2).mean((2, 3), keepdims=True) + peer_networks.EPSILON)
        return centred * rate * scale[:, None, None] + shift[:, None, None]

    @classmethod
    def restyled(cls, x, style, kernel, bias):
        scale, shift = jnp.split((style @ kernel + bias)[..., None, None], 2, 1)
        return cls.norm(x, jnp.ones(x.shape[1]), jnp.zeros(x.shape[1])) * scale + shift


def generator(config=SMALL, categories=0, batch=2):
    return peers.generator(config, categories, initial(GanNetworks(GanConfig(model=config), categories)), batch)


@pytest.mark.parametrize(
    "config",
    [
        replace(SMALL, input_channels=3),
        replace(SMALL, class_conditional=True, generator=replace(SMALL.generator, norm="conditional", bias=True)),
        replace(SMALL, generator=replace(SMALL.generator, upsample="resize")),
    ],
    ids=["published", "conditional", "resize"],
)
def test_a_peers_generator_is_ours(config: GanModelConfig):
    network = generator(config, 3 if config.class_conditional else 0)
    theirs = peer_networks.unet(Lax, network.weights, *network.inputs)
    np.testing.assert_allclose(network.output(), theirs, atol=1e-4)


def test_a_peers_classifier_is_ours():
    config = ClassifierModelConfig(image_size=32, width=2, norm="none", others=2)
    weights = initialised(lambda rngs: VGG16(config, 4, rngs=rngs), jax.random.key(0))
    model = format.ReleasedModel(
        SMALL, ("a", "b", "c"), {}, {}, classifier_config=config, classifier=weights_of(weights)
    )
    network = peers.classifier(model, 2)
    assert network.output().shape == (2, 5)
    np.testing.assert_allclose(network.output(), peer_networks.vgg(Lax, network.weights, *network.inputs), atol=1e-5)


def weights_of(network):
    from flax import nnx

    return nnx.to_pure_dict(nnx.split(network)[1])


@pytest.fixture
def fake(tmp_path) -> Path:
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return script


def options(*words: str) -> argparse.Namespace:
    return peers.options().parse_args(["--rounds", "1", "--seconds", "0.001", *words])


def test_what_cannot_be_compared_is_a_line_and_the_rest_goes_on(fake: Path, capsys):
    made = [generator()]
    np.savez(f"{fake}.npz", made[0].output())
    args = options()
    args.peers = ["slow", "missing", "stubborn", "wrong", "mortal"]
    found = peers.compared("unet/1", made, args, 2, script=fake)
    printed = capsys.readouterr().out
    assert set(found["seconds"]) == {"ours", "slow 1.0"}
    assert set(found["left_out"]) == {"missing", "stubborn", "wrong", "mortal 1.0"}
    assert "missing: left out (there is no thing)" in printed
    assert "stubborn: left out (it does not compile)" in printed
    assert "wrong: left out (its unet differs from ours by 1)" in printed
    assert "mortal 1.0: left out (the process ended when asked to block)" in printed
    assert "of the time of slow 1.0   (goal: at most 0.85, reached)" in printed


def test_the_fastest_peer_counts_and_a_busy_machine_has_a_goal_of_its_own(fake: Path, capsys):
    made = [generator()]
    np.savez(f"{fake}.npz", made[0].output())
    args = options("--busy")
    args.peers = ["slow", "fast"]
    found = peers.compared("unet/1", made, args, 2, script=fake)
    assert found["fastest"] == "fast 1.0" and found["goal"] == 1.0
    assert "another process taking half of the cores" in (said := capsys.readouterr().out) and "MISSED" in said


def test_no_environment_of_peers_is_a_line(capsys):
    args = options("--peer-python", "/nowhere/python", "--peers", "openvino")
    found = peers.compared("unet/1", [generator()], args, 2)
    assert "--peer-python" in found["left_out"]["openvino"]
    assert "openvino: left out (/nowhere/python does not start (No such file or directory)" in capsys.readouterr().out
    assert "ratio" not in found


def test_busy_processes_end():
    with peers.busy(1):
        deadline, children = time.monotonic() + 20, []
        while not children and time.monotonic() < deadline:  # a process has its command line once it has started
            children = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"a @ a" in _read(p)]
        assert len(children) == 1
    assert not any(b"a @ a" in _read(p) for p in children)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_process_that_says_nothing_is_ended(tmp_path):
    script = tmp_path / "silent.py"
    script.write_text("import time\ntime.sleep(60)\n")
    start = time.monotonic()
    with ChildProcess(sys.executable, script, limit=0.2) as child, pytest.raises(ChildError, match="ended"):
        child.ask("anything")
    assert time.monotonic() - start < 20


def test_one_core_only_is_said_and_the_rest_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(peers, "take_cores", lambda count: 1)
    monkeypatch.setattr(peers, "networks", lambda case, checkpoint: [generator()])
    written = tmp_path / "p.json"
    command = ["peers", "--rounds", "1", "--seconds", "0", "--cases", "unet/1", "--peers", "--json", str(written)]
    monkeypatch.setattr("sys.argv", command)
    peers.main()
    assert "one core only: one thread each, not 2" in capsys.readouterr().out
    assert set(json.loads(written.read_text())["cases"]["unet/1"]["seconds"]) == {"ours"}


def test_the_parts_of_a_live_request_are_its_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(live_request, "SIDE", 64)
    config = ClassifierModelConfig(image_size=32, width=2, norm="none")
    model = format.ReleasedModel(
        SMALL,
        ("a", "b"),
        {},
        initial(GanNetworks(GanConfig(model=SMALL), 2)),
        classifier_config=config,
        classifier=weights_of(initialised(lambda rngs: VGG16(config, 3, rngs=rngs), jax.random.key(0))),
    )
    format.write(model, tmp_path / "model", "a card")
    found = live_request.measure(tmp_path / "model", rounds=1, seconds=0)["seconds"]
    parts = [found[part] for part in live_request.PARTS]
    assert all(part > 0 for part in parts)
    assert sum(parts) + found["the rest"] == pytest.approx(found["whole"], rel=1e-6)
    assert "predict takes" in capsys.readouterr().out
