"""Our networks by onnxruntime, OpenVINO or PyTorch: a process told over its standard input what to do.

    PYTHON peer_networks.py PEER

Runs under any interpreter that has numpy and the peer, and imports nothing of ours. PEER is onnxruntime, openvino, or
torch and words of "channels_last" (else contiguous) and "compile" (torch.compile, frozen). Each network is written down
once, as a function of operations and weights; operations make nodes of an ONNX graph, or compute in PyTorch. Weights
have the names of a released model and the shapes of PyTorch; pictures are (n, c, h, w). One JSON object a line, in and
out; see `Peer`.
"""
# pyright: reportMissingImports=false, reportMissingModuleSource=false

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

EPSILON = 1e-5
VGG16 = (2, 2, 3, 3, 3)
"""Convolutions before each maximum."""


def unet(do: Any, w: dict[str, Any], x: Any, style: Any = None) -> Any:
    """The generator (`sketch2photo.models.unet`): picture in [-1, 1], perhaps style (n, k)."""
    if style is not None:
        for layer in ("first", "second"):
            style = do.relu(do.linear(style, w[f"style/{layer}/kernel"], w[f"style/{layer}/bias"]))

    def norm(x: Any, place: str) -> Any:
        if f"{place}/affine/kernel" in w:
            return do.restyled(x, style, w[f"{place}/affine/kernel"], w[f"{place}/affine/bias"])
        return do.norm(x, w[f"{place}/scale"], w[f"{place}/shift"]) if f"{place}/scale" in w else x

    depth, skips = sum(f"downs/{i}/kernel" in w for i in range(16)), []
    for i in range(depth):
        x = do.down(do.leaky_relu(x) if i else x, w[f"downs/{i}/kernel"], w.get(f"downs/{i}/bias"))
        if 0 < i < depth - 1:
            x = norm(x, f"down_norms/{i - 1}")
        skips.append(x)
    for i in range(depth - 2, -1, -1):
        x = do.up(do.relu(x), w[f"ups/{i}/kernel"], w.get(f"ups/{i}/bias"))
        x = do.joined(skips[i], norm(x, f"up_norms/{i}"))
    return do.tanh(do.up(do.relu(x), w["last/kernel"], w["last/bias"]))


def vgg(do: Any, w: dict[str, Any], x: Any) -> Any:
    """The classifier (`sketch2photo.models.vgg`): one channel, paper 0; logits."""
    i = 0
    for count in VGG16:
        for _ in range(count):
            x = do.relu(do.flat(x, w[f"convs/{i}/kernel"], w[f"convs/{i}/bias"]))
            i += 1
        x = do.halve(x)
    return do.linear(do.mean(x), w["head/kernel"], w["head/bias"])


NETWORKS = {"unet": unet, "vgg": vgg}


class OnnxGraph:
    """Operations that make nodes."""

    def __init__(self) -> None:
        from onnx import helper, numpy_helper

        self._helper, self._numpy = helper, numpy_helper
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._number = itertools.count()

    def model(self, network: str, arrays: dict[str, Any], inputs: list[Any]) -> bytes:
        """The network for inputs of these shapes."""
        helper = self._helper
        names = [f"input{i}" for i in range(len(inputs))]
        outcome = NETWORKS[network](self, {place: self._constant(place, a) for place, a in arrays.items()}, *names)
        graph = helper.make_graph(
            self._nodes,
            network,
            [helper.make_tensor_value_info(n, 1, x.shape) for n, x in zip(names, inputs, strict=True)],
            [helper.make_tensor_value_info(outcome, 1, None)],
            list(self._constants.values()),
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return made.SerializeToString()

    def _constant(self, name: str, array: Any) -> str:
        self._constants.setdefault(name, self._numpy.from_array(array, name))
        return name

    def _node(self, kind: str, *inputs: str | None, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"value{next(self._number)}" for _ in range(outputs)]
        given = [name for name in inputs if name is not None]
        self._nodes.append(self._helper.make_node(kind, given, names, **attributes))
        return names[0] if outputs == 1 else names

    def relu(self, x: str) -> str:
        return self._node("Relu", x)

    def leaky_relu(self, x: str) -> str:
        return self._node("LeakyRelu", x, alpha=0.2)

    def tanh(self, x: str) -> str:
        return self._node("Tanh", x)

    def down(self, x: str, kernel: str, bias: str | None) -> str:
        return self._node("Conv", x, kernel, bias, kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4)

    def up(self, x: str, kernel: str, bias: str | None) -> str:
        return self._node("ConvTranspose", x, kernel, bias, kernel_shape=[4, 4], strides=[2, 2], pads=[1] * 4)

    def flat(self, x: str, kernel: str, bias: str) -> str:
        return self._node("Conv", x, kernel, bias, kernel_shape=[3, 3], pads=[1] * 4)

    def linear(self, x: str, kernel: str, bias: str) -> str:
        return self._node("Gemm", x, kernel, bias)

    def joined(self, a: str, b: str) -> str:
        return self._node("Concat", a, b, axis=1)

    def halve(self, x: str) -> str:
        return self._node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def mean(self, x: str) -> str:
        return self._node("Flatten", self._node("GlobalAveragePool", x))

    def norm(self, x: str, scale: str, shift: str) -> str:
        return self._node("InstanceNormalization", x, scale, shift, epsilon=EPSILON)

    def restyled(self, x: str, style: str, kernel: str, bias: str) -> str:
        import numpy as np

        channels = self._constants[bias].dims[0] // 2
        one, zero = (self._constant(f"{i} x {channels}", np.full(channels, i, np.float32)) for i in (1, 0))
        axes = self._constant("axes", np.array([2, 3], np.int64))
        scale, shift = (
            self._node("Unsqueeze", half, axes)
            for half in self._node("Split", self.linear(style, kernel, bias), outputs=2, axis=1)
        )
        return self._node("Add", self._node("Mul", self.norm(x, one, zero), scale), shift)


def onnxruntime_network(network: str, arrays: dict[str, Any], inputs: list[Any], threads: int) -> Callable[[], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    model = OnnxGraph().model(network, arrays, inputs)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    given = {f"input{i}": x for i, x in enumerate(inputs)}
    return lambda: session.run(None, given)[0]


def openvino_network(network: str, arrays: dict[str, Any], inputs: list[Any], threads: int) -> Callable[[], Any]:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has products of it
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(OnnxGraph().model(network, arrays, inputs), b""), "CPU", settings)
    request = compiled.create_infer_request()
    return lambda: request.infer(inputs, share_inputs=True, share_outputs=True)[0]


def torch_network(
    network: str, arrays: dict[str, Any], inputs: list[Any], threads: int, way: list[str]
) -> Callable[[], Any]:
    import torch
    from torch.nn import functional

    layout = torch.channels_last if "channels_last" in way else torch.contiguous_format

    def laid_out(x: Any) -> Any:
        return torch.from_numpy(x.copy()).contiguous(memory_format=layout if x.ndim == 4 else torch.contiguous_format)

    class Operations:
        relu, tanh = staticmethod(torch.relu), staticmethod(torch.tanh)

        @staticmethod
        def leaky_relu(x: Any) -> Any:
            return functional.leaky_relu(x, 0.2)

        @staticmethod
        def down(x: Any, kernel: Any, bias: Any) -> Any:
            return functional.conv2d(x, kernel, bias, 2, 1)

        @staticmethod
        def up(x: Any, kernel: Any, bias: Any) -> Any:
            return functional.conv_transpose2d(x, kernel, bias, 2, 1)

        @staticmethod
        def flat(x: Any, kernel: Any, bias: Any) -> Any:
            return functional.conv2d(x, kernel, bias, 1, 1)

        @staticmethod
        def linear(x: Any, kernel: Any, bias: Any) -> Any:
            return torch.addmm(bias, x, kernel)

        @staticmethod
        def joined(a: Any, b: Any) -> Any:
            return torch.cat([a, b], 1)

        @staticmethod
        def halve(x: Any) -> Any:
            return functional.max_pool2d(x, 2)

        @staticmethod
        def mean(x: Any) -> Any:
            return x.mean((2, 3))

        @staticmethod
        def norm(x: Any, scale: Any, shift: Any) -> Any:
            return functional.instance_norm(x, weight=scale, bias=shift, eps=EPSILON)

        @staticmethod
        def restyled(x: Any, style: Any, kernel: Any, bias: Any) -> Any:
            scale, shift = torch.addmm(bias, style, kernel)[..., None, None].chunk(2, 1)
            return functional.instance_norm(x, eps=EPSILON) * scale + shift

    class Network(torch.nn.Module):
        """Its weights are parameters, as torch.compile freezes these."""

        def __init__(self) -> None:
            super().__init__()
            self.names = {place: place.replace("/", "_") for place in arrays}
            for place, name in self.names.items():
                self.register_parameter(name, torch.nn.Parameter(laid_out(arrays[place]), requires_grad=False))

        def forward(self, *given: Any) -> Any:
            return NETWORKS[network](Operations, {p: getattr(self, name) for p, name in self.names.items()}, *given)

    torch.set_num_threads(threads)
    run: Any = Network().eval()
    if "compile" in way:
        from torch._inductor import config

        config.freezing = True
        config.compile_threads = 1  # or it leaves processes behind when this one is ended
        run = torch.compile(run)
    given = [laid_out(x) for x in inputs]

    def call() -> Any:
        with torch.no_grad():
            return run(*given).numpy()

    return call


class Peer:
    """What may be asked: each is a method, its arguments a JSON object's other entries, its answer a JSON object."""

    def __init__(self, name: str):
        self._kind, *self._way = name.split()
        self._networks: list[Callable[[], Any]] = []

    def about(self) -> dict[str, Any]:
        from importlib import import_module, metadata

        import_module(self._kind)
        return {"version": metadata.version(self._kind)}

    def make(self, files: list[str], threads: int) -> dict[str, Any]:
        """The networks of one case, which are run one after the other, and their first outputs.

        Each file is an .npz: `network`, a key of NETWORKS, `inputs/0` and further ones, and the weights by their place;
        `output` is written in its stead.
        """
        import numpy as np

        self._networks = []
        for file in files:
            with np.load(file) as opened:
                arrays = dict(opened)
            network = str(arrays.pop("network"))
            inputs = [arrays.pop(name) for name in sorted(arrays) if name.startswith("inputs/")]
            self._networks.append(self._made(network, arrays, inputs, threads))
        return {}

    def _made(self, network: str, arrays: dict[str, Any], inputs: list[Any], threads: int) -> Callable[[], Any]:
        if self._kind == "torch":
            return torch_network(network, arrays, inputs, threads, self._way)
        make = {"onnxruntime": onnxruntime_network, "openvino": openvino_network}[self._kind]
        return make(network, arrays, inputs, threads)

    def outputs(self, file: str) -> dict[str, Any]:
        """What each network computes, to an .npz file as `arr_0` and so on."""
        import numpy as np

        np.savez(file, *(network() for network in self._networks))
        return {}

    def block(self, seconds: float) -> dict[str, Any]:
        """Calls for about so long, one at least; the seconds of each."""
        times: list[float] = []
        while not times or sum(times) < seconds:
            start = time.perf_counter()
            for network in self._networks:
                network()
            times.append(time.perf_counter() - start)
        return {"seconds": times}


def answers(peer: Any, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        asked = json.loads(line)
        try:
            answer = getattr(peer, asked.pop("ask"))(**asked)
        except ModuleNotFoundError as error:
            answer = {"error": f"there is no {error.name} in {sys.executable}"}
        except Exception as error:  # the other side says it, or does without
            answer = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
        yield json.dumps(answer)


def main() -> None:
    for answer in answers(Peer(sys.argv[1]), sys.stdin):
        print(answer, flush=True)


if __name__ == "__main__":
    main()
