"""How much of what the device can do does a training step use?

scripts/bench mfu                                                        # the processor, float32
scripts/bench mfu --device gpu --torch-python torch-env/bin/python       # float32 and bfloat16, PyTorch beside it

Model FLOP are counted in the traced networks (`step_passes`): two for every product of every convolution of the
generator and of PatchGAN, forward, gradient in the kernel and gradient in the input where something learns from it. A
perceptual network (`--features`) adds its forward pass on the true and on the generated photo and the gradient in the
latter, the heads on it what PatchGAN's layers add. Norms, activations, styles, augmentation, spectral norm, R1 and the
optimisers are work, but no model FLOP. So a faster way of computing the same convolution (Winograd's tiles) shows as
more utilisation, and recomputing something does not (Chowdhery et al. 2022, appendix B).

Utilisation is model FLOP a second over those of the largest matrix product of the same type, in turn with it, on the
same device. The step is that of pix2pix (`--size --width`) or of a preset (`--preset`). On a GPU PyTorch makes the same
step of pix2pix in bfloat16, compiled and channels_last; its FLOP are taken by the same formula.
"""

from sketch2photo import kernels

kernels.prepare(training=True)

import os  # noqa: E402  (after the process is prepared)

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch is on the same GPU

import dataclasses  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from benchmarks import compare  # noqa: E402
from benchmarks.gan_step import Stepper, config, random_batch  # noqa: E402
from benchmarks.torch_process import TorchProcess  # noqa: E402
from sketch2photo.config import GAN_PRESETS, ClassifierModelConfig, GanConfig  # noqa: E402
from sketch2photo.errors import ConfigError, exit_on_user_error  # noqa: E402
from sketch2photo.models import discriminators, layers  # noqa: E402
from sketch2photo.models.features import LARGEST, Perceptual  # noqa: E402
from sketch2photo.models.unet import UNet  # noqa: E402
from sketch2photo.models.vgg import VGG16  # noqa: E402
from sketch2photo.release.weights import open_features  # noqa: E402
from sketch2photo.training.gan import GanNetworks  # noqa: E402

PRECISIONS = {"cpu": ("float32",), "gpu": ("float32", "bfloat16"), "tpu": ("float32", "bfloat16")}
SIDE = {"cpu": 2048, "gpu": 8192, "tpu": 8192}
"""Of the matrices whose product is the measure."""
WAYS = {
    "cpu": ("channels_last", "channels_last shared"),
    "gpu": ("channels_last compile", "channels_last shared compile"),
}
"""PyTorch's."""
CATEGORIES = 12
"""Of a preset's step."""


class Convolution(NamedTuple):
    """One in a traced program, on one picture. Taps that fall on the margin are counted, as is usual."""

    products: int
    """Multiplications; zeros that a transposed one puts between pixels are not multiplied."""
    side: int
    """Pixels a side of its smaller map."""


def networks_of(config: GanConfig) -> tuple[list[Convolution], list[list[Convolution]]]:
    """Those of painting a picture, and those of judging one, at each of the discriminator's scales."""
    model = config.model
    style = layers.style_vector(model, CATEGORIES, jnp.zeros(1, jnp.int32), jnp.zeros((1, 3), jnp.uint8))

    def traced(network: Any, size: int, *channels: int) -> list[Convolution]:
        inputs = [jax.ShapeDtypeStruct((1, size, size, c), jnp.float32) for c in channels]
        program = jax.make_jaxpr(lambda *inputs: network(model, CATEGORIES, rngs=None)(*inputs, style))(*inputs)
        return convolutions(program.jaxpr)

    sides = [model.image_size >> scale for scale in range(model.discriminator.scales)]
    inputs = model.input_channels
    return traced(UNet, model.image_size, inputs), [traced(discriminators.PatchGAN, side, inputs, 3) for side in sides]


def classifier_flop(model: ClassifierModelConfig) -> float:
    """Of naming one drawing."""
    drawing = jax.ShapeDtypeStruct((1, model.image_size, model.image_size, 1), jnp.float32)
    return 2.0 * products(jax.make_jaxpr(lambda x: VGG16(model, CATEGORIES, rngs=None)(x))(drawing).jaxpr)


def step_passes(config: GanConfig) -> list[tuple[Convolution, int]]:
    """Every layer, and how often a training step computes as many products as its forward pass has.

    Each convolution has a forward pass, a gradient in its kernel and one in its input. The generator takes all three.
    The discriminator judges two pictures and takes all three for its own loss on both, and once more the gradient in
    the input for the generator's loss. Gradients in pictures that nothing learns from are left out: in the sketch, and
    of the discriminator's own loss.
    """
    painting, judging = networks_of(config)
    passes = [(layer, 3 if i else 2) for i, layer in enumerate(painting)]
    for scale in judging:
        passes += [(layer, 7 if i else 5) for i, layer in enumerate(scale)]
    return passes


def step_flop(config: GanConfig, features: Perceptual | None = None) -> float:
    """Model FLOP of training on one picture. Without a perceptual network and the heads on it where none is given, and
    without R1; of EfficientNet-Lite only the first layer, for the others are no convolutions in jax."""
    flop = 2.0 * sum(layer.products * times for layer, times in step_passes(config))
    if features is None or not (config.loss.perceptual or config.loss.projected):
        return flop
    photo = jax.ShapeDtypeStruct((1, *[min(config.model.image_size, LARGEST)] * 2, 3), jnp.float32)
    flop += 2 * 3 * products(jax.make_jaxpr(features.maps)(features.weights, photo).jaxpr)
    if config.loss.projected:
        maps = jax.eval_shape(features.maps, features.weights, photo)[1:]
        for _, side, _, width in (m.shape for m in maps):
            if side < discriminators.LEAST_SIDE:  # too small for a head
                continue
            flop += 2 * _head_products(width + config.model.input_channels, side)
    return flop


def _head_products(inputs: int, side: int) -> int:
    """Of a projected head in a step, which does with it what it does with PatchGAN (`step_passes`)."""
    first, second = discriminators.WIDTH, 2 * discriminators.WIDTH
    return 5 * 16 * inputs * first * (side // 2) ** 2 + 7 * (16 * first * second + second) * (side // 4) ** 2


def products(program: Any) -> int:
    """Multiplications of a traced function's convolutions."""
    return sum(one.products for one in convolutions(program))


def convolutions(program: Any) -> list[Convolution]:
    """Those of a traced function, in the order in which they are computed."""
    found = []
    for equation in program.eqns:
        if equation.primitive.name == "conv_general_dilated":
            picture, kernel, result = (v.aval.shape for v in (*equation.invars, *equation.outvars))
            numbers = equation.params["dimension_numbers"]
            count = math.prod(result) * math.prod(kernel) // kernel[numbers.rhs_spec[0]]
            side = min(picture[numbers.lhs_spec[2]], result[numbers.out_spec[2]])
            found.append(Convolution(count // math.prod(equation.params["lhs_dilation"]), side))
        # Of a choice by platform the last is the plain form.
        inner = equation.params["branches"][-1:] if "branches" in equation.params else equation.params.values()
        for one in inner:
            if hasattr(one, "eqns"):
                found += convolutions(getattr(one, "jaxpr", one))
    return found


class Product:
    """A product of two square matrices, again and again."""

    def __init__(self, side: int, precision: str):
        self._factors = [
            jax.random.normal(key, (side, side), jnp.float32).astype(precision)
            for key in jax.random.split(jax.random.key(0))
        ]
        self._multiply = jax.jit(jnp.matmul)

    def __call__(self) -> None:
        jax.block_until_ready(self._multiply(*self._factors))


def device(name: str) -> Any:
    """The first device of a platform, or of jax's choice.

    Raises:
      ConfigError: there is none.
    """
    try:
        return jax.devices(name or None)[0]
    except RuntimeError:
        raise ConfigError(
            f"--device is {name!r}, but jax finds only {jax.default_backend()} here: install jax for it or choose that"
        ) from None


def measure(
    steps: dict[str, tuple[Callable[[], Any], str]], flop: float, side: int, *, rounds: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Print the table; the figures of each step.

    Args:
      steps: functions, each with the type it computes in.
      flop: model FLOP of a call.
      side: of the matrices.
    """
    measures = {f"product {kind}": Product(side, kind) for kind in dict.fromkeys(kind for _, kind in steps.values())}
    timings = compare.interleave(
        {**{name: step for name, (step, _) in steps.items()}, **measures}, rounds=rounds, seconds=seconds
    )
    of_product = 2.0 * side**3
    wide = max(map(len, timings))
    print(f"{'':{wide}}  {'median':>12}  {'TFLOP/s':>8}  of the product")
    found = {}
    for name, timing in timings.items():
        does = of_product if name in measures else flop
        one = found[name] = {"seconds": timing.median, "flop_per_second": does / timing.median}
        line = f"{name:{wide}}  {timing.median * 1e3:9.1f} ms  {does / timing.median * 1e-12:8.3f}"
        if name in steps:
            # Over rounds, of neighbours: what else the machine does falls on both.
            one["utilisation"] = compare.ratio(timings, f"product {steps[name][1]}", name) * flop / of_product
            line += f"  {100 * one['utilisation']:8.1f} %"
        print(line)
    return found


def main() -> None:
    parser = compare.options(__doc__ or "")
    parser.add_argument("--device", default="", choices=("", *SIDE), help="platform (default: jax's choice)")
    parser.add_argument("--precision", nargs="*", choices=PRECISIONS["gpu"], help="default: all that pay there")
    parser.add_argument("--preset", default="", choices=("", *GAN_PRESETS), help="instead of pix2pix's step")
    parser.add_argument("--features", default="", metavar="FILE", help="a preset's perceptual network")
    parser.add_argument("--size", type=int, default=256, help="of pix2pix's step, pixels (default: %(default)s)")
    parser.add_argument("--width", type=int, default=64, help="of pix2pix's step (default: %(default)s)")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--side", type=int, default=0, help="of the matrices (default: 2048 on a CPU, else 8192)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each block of a round (default: %(default)s)")
    parser.add_argument("--torch-python", default="", metavar="PYTHON", help="interpreter that has torch: beside it")
    args = parser.parse_args()
    with exit_on_user_error("benchmarks.mfu"):
        if args.torch_python and args.preset:
            raise ConfigError(f"--torch-python makes pix2pix's step, not --preset {args.preset}: leave one out")
        here = device(args.device)
        with jax.default_device(here):
            figures = run(args, here)
        if args.json:
            args.json.write_text(json.dumps(figures, indent=1) + "\n")


def run(args: Any, here: Any) -> dict[str, Any]:
    """The figures of what the options ask for."""
    settings = GAN_PRESETS[args.preset] if args.preset else config(args.size, args.width)
    features = open_features(args.features) if args.features else None
    model = settings.model
    batch = random_batch(model.image_size, args.batch_size, model.input_channels)
    flop = step_flop(settings, features)
    side = args.side or SIDE[here.platform]
    name = args.preset or f"pix2pix, width {args.width}"
    print(f"GAN step, {name}, {model.image_size} px, batch {args.batch_size}, on {here.device_kind}: ", end="")
    print(f"{1e-9 * flop:.4g} model GFLOP an image; product of {side} x {side}")
    steps: dict[str, tuple[Callable[[], Any], str]] = {}
    for precision in args.precision or PRECISIONS[here.platform]:
        networks = GanNetworks(dataclasses.replace(settings, precision=precision), CATEGORIES, features)
        steps[f"ours {precision}"] = (Stepper(networks, batch), precision)
    settle = {"rounds": args.rounds, "seconds": args.seconds}
    figures: dict[str, Any] = {"machine": compare.machine(), "device": here.device_kind, "flop_per_image": flop}
    if args.torch_python:
        with TorchProcess(args.torch_python) as torch:
            figures["torch"] = torch.about
            kind = "gpu" if torch.about["kind"] == "cuda" else "cpu"
            if kind != here.platform:
                raise ConfigError(f"PyTorch's device is a {kind}, ours a {here.platform}: set --device {kind}")
            precision = PRECISIONS[kind][-1]
            made = torch.make(
                WAYS[kind],
                size=args.size,
                width=args.width,
                batch=args.batch_size,
                bfloat16=precision == "bfloat16",
            )
            for way in made:
                steps[f"torch {way} {precision}"] = (lambda way=way: torch.ask("step", way=way), precision)
            found = measure(steps, args.batch_size * flop, side, **settle)
    else:
        found = measure(steps, args.batch_size * flop, side, **settle)
    for one, values in found.items():
        if one in steps:
            values["images_per_second"] = args.batch_size / values["seconds"]
            print(f"{one}: {values['images_per_second']:.3g} images/s")
    return {**figures, "steps": found}


if __name__ == "__main__":
    main()
