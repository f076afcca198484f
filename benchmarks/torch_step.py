"""A training step of pix2pix in PyTorch, to compare ours with: a process told over its standard input what to do.

Written from the paper (Isola et al. 2017, sections 3 and 6), the way its authors' code goes: the generator paints, the
discriminator is updated, and the generator is updated against the new discriminator. Runs under any interpreter that
has PyTorch, and imports nothing of ours. One JSON object a line, in and out; see `Steps`.
"""
# pyright: reportMissingImports=false, reportPrivateImportUsage=false

import contextlib
import json
import sys
import time
from typing import Any

try:
    import torch
    from torch import nn
    from torch._functorch import config as functorch_config
    from torch.nn import functional
except ImportError:
    print(json.dumps({"error": "missing"}), flush=True)
    sys.exit(0)


class UNet(nn.Module):
    """U-Net (section 6.1.1): no norm outermost and innermost, dropout on the three above the innermost."""

    def __init__(self, size: int, width: int, dropout: float):
        super().__init__()
        depth = size.bit_length() - 1
        widths = [width * min(2**i, 8) for i in range(depth)]
        self.downs = nn.ModuleList(
            nn.Conv2d(c, o, 4, 2, 1, bias=False) for c, o in zip([3, *widths[:-1]], widths, strict=True)
        )
        self.down_norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths[1:-1])
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(widths[i] * (1 if i == depth - 1 else 2), widths[i - 1], 4, 2, 1, bias=False)
            for i in range(1, depth)
        )
        self.up_norms = nn.ModuleList(nn.BatchNorm2d(widths[i - 1]) for i in range(1, depth))
        self.last = nn.ConvTranspose2d(2 * widths[0], 3, 4, 2, 1)
        self.dropout = dropout

    def forward(self, x: Any) -> Any:
        skips = []
        for i, conv in enumerate(self.downs):
            x = conv(functional.leaky_relu(x, 0.2) if i else x)
            if 0 < i < len(self.downs) - 1:
                x = self.down_norms[i - 1](x)
            skips.append(x)
        innermost = len(self.ups) - 1
        for i in range(innermost, -1, -1):
            x = self.up_norms[i](self.ups[i](functional.relu(x)))
            if self.dropout and innermost - 3 <= i < innermost:
                x = functional.dropout(x, self.dropout)
            x = torch.cat([skips[i], x], 1)
        return torch.tanh(self.last(functional.relu(x)))


class PatchGAN(nn.Module):
    """The 70x70 discriminator (section 6.1.2)."""

    def __init__(self, width: int):
        super().__init__()
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.convs = nn.ModuleList(
            nn.Conv2d(c, o, 4, stride, 1, bias=i == 0)
            for i, (c, o, stride) in enumerate(zip([6, *widths[:-1]], widths, (2, 2, 2, 1), strict=True))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths[1:])
        self.last = nn.Conv2d(widths[-1], 1, 4, 1, 1)

    def forward(self, sketch: Any, photo: Any) -> Any:
        x = torch.cat([sketch, photo], 1)
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = functional.leaky_relu(self.norms[i - 1](x) if i else x, 0.2, inplace=True)
        return self.last(x)


def _fresh(network: Any) -> Any:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
    return network


class Stepper:
    """Trains on one batch of noise again and again.

    Args:
      way: words of "channels_last" (else contiguous), "compile", and "shared", which takes both losses from one pass of
        the discriminator, as ours does, instead of a second pass after its update.
    """

    def __init__(self, size: int, width: int, batch: int, way: str, *, dropout: float = 0.5, bfloat16: bool = False):
        words = way.split()
        self.shared = "shared" in words
        self.bfloat16 = bfloat16
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        layout = torch.channels_last if "channels_last" in words else torch.contiguous_format
        torch.manual_seed(0)
        self.networks = tuple(
            _fresh(network).to(self.device, memory_format=layout).train()
            for network in (UNet(size, width, dropout), PatchGAN(width))
        )
        fused = {"fused": True} if self.device.type == "cuda" else {}
        self.optimisers = tuple(
            torch.optim.Adam(n.parameters(), lr=2e-4, betas=(0.5, 0.999), **fused) for n in self.networks
        )
        self.generate, self.judge = (torch.compile(n) if "compile" in words else n for n in self.networks)
        noise = (torch.rand(batch, 3, size, size, device=self.device) * 2 - 1 for _ in range(2))
        self.sketch, self.photo = (x.contiguous(memory_format=layout) for x in noise)

    def __call__(self) -> tuple[float, float]:
        """The losses of discriminator and generator."""
        # Going back twice, "shared" needs what a compiled network would else write over on its first way.
        keep = functorch_config.patch(donated_buffer=False) if self.shared else contextlib.nullcontext()
        with keep, torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            losses = self._shared() if self.shared else self._one_after_the_other()
        return float(losses[0].detach()), float(losses[1].detach())  # waits for the device

    def _one_after_the_other(self) -> tuple[Any, Any]:
        discriminator = self.networks[1]
        of_generator, of_discriminator = self.optimisers
        fake = self.generate(self.sketch)
        discriminator.requires_grad_(True)
        of_discriminator.zero_grad()
        loss_d = self._discriminator_loss(self.judge(self.sketch, fake.detach()), self.judge(self.sketch, self.photo))
        loss_d.backward()
        of_discriminator.step()
        discriminator.requires_grad_(False)
        of_generator.zero_grad()
        loss_g = self._generator_loss(self.judge(self.sketch, fake), fake)
        loss_g.backward()
        of_generator.step()
        return loss_d, loss_g

    def _shared(self) -> tuple[Any, Any]:
        fake = self.generate(self.sketch)
        judged = self.judge(self.sketch, fake)
        loss_d = self._discriminator_loss(judged, self.judge(self.sketch, self.photo))
        loss_g = self._generator_loss(judged, fake)
        of_d, of_g = (list(n.parameters()) for n in (self.networks[1], self.networks[0]))
        gradients = torch.autograd.grad(loss_d, of_d, retain_graph=True), torch.autograd.grad(loss_g, of_g)
        for weights, found, optimiser in zip((of_d, of_g), gradients, reversed(self.optimisers), strict=True):
            for weight, gradient in zip(weights, found, strict=True):
                weight.grad = gradient
            optimiser.step()
        return loss_d, loss_g

    def _discriminator_loss(self, fake: Any, real: Any) -> Any:
        cross_entropy = functional.binary_cross_entropy_with_logits
        return 0.5 * (cross_entropy(fake, torch.zeros_like(fake)) + cross_entropy(real, torch.ones_like(real)))

    def _generator_loss(self, judged: Any, fake: Any) -> Any:
        fooled = functional.binary_cross_entropy_with_logits(judged, torch.ones_like(judged))
        return fooled + 100 * functional.l1_loss(fake, self.photo)


class Steps:
    """What may be asked: each is a method, its arguments a JSON object's other entries, its answer a JSON object."""

    def __init__(self) -> None:
        self._steppers: dict[str, Stepper] = {}

    def about(self) -> dict[str, Any]:
        cuda = torch.cuda.is_available()
        return {
            "version": torch.__version__,
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "kind": "cuda" if cuda else "cpu",
        }

    def make(self, size: int, width: int, batch: int, way: str, bfloat16: bool = False) -> dict[str, Any]:
        """A network and its first step, in which it may be compiled."""
        self._steppers[way] = stepper = Stepper(size, width, batch, way, bfloat16=bfloat16)
        stepper()
        return {"parameters": [sum(p.numel() for p in n.parameters()) for n in stepper.networks]}

    def step(self, way: str) -> dict[str, Any]:
        start = time.perf_counter()
        losses = self._steppers[way]()
        return {"seconds": time.perf_counter() - start, "losses": losses}

    def forget(self) -> dict[str, Any]:
        """Everything that was made."""
        self._steppers.clear()
        return {}

    def parity(self, size: int, width: int, batch: int, weights: str) -> dict[str, Any]:
        """One step of the kind "shared" without dropout, from weights, inputs and to results in an .npz file: arrays
        `generator.N` and `discriminator.N` in the order of the parameters, `sketch` and `photo` (n, 3, s, s)."""
        import numpy as np

        stepper = Stepper(size, width, batch, "shared", dropout=0.0)
        with np.load(weights) as given, torch.no_grad():
            for name, network in zip(("generator", "discriminator"), stepper.networks, strict=True):
                for place, parameter in network.named_parameters():
                    parameter.copy_(torch.from_numpy(given[f"{name}.{place}"]))
            stepper.sketch, stepper.photo = torch.from_numpy(given["sketch"]), torch.from_numpy(given["photo"])
        losses = stepper()
        after = {
            f"{name}.{place}": parameter.grad.numpy()
            for name, network in zip(("generator", "discriminator"), stepper.networks, strict=True)
            for place, parameter in network.named_parameters()
        }
        np.savez(weights, **after)
        return {"losses": losses}

    def peak(self) -> dict[str, Any]:
        """The most memory this process has had, bytes."""
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return {"bytes": 1024 * int(line.split()[1])}

    def matmul(self, side: int, seconds: float) -> dict[str, Any]:
        """FLOP a second of a matrix product, in bfloat16 on a GPU."""
        cuda = torch.cuda.is_available()
        a, b = (
            torch.randn(side, side, device="cuda" if cuda else "cpu", dtype=torch.bfloat16 if cuda else torch.float32)
            for _ in range(2)
        )
        times: list[float] = []
        while sum(times) < seconds or len(times) < 3:
            start = time.perf_counter()
            c = a @ b
            float(c[0, 0])
            times.append(time.perf_counter() - start)
        return {"flop": 2 * side**3 / sorted(times)[len(times) // 2]}


def main() -> None:
    steps = Steps()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = getattr(steps, asked.pop("ask"))(**asked)
        except Exception as error:  # the other side says it, or does without
            answer = {"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
