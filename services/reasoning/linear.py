"""Matrix products without bias, and which of them is fast on this CPU."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Int8Linear:
    """A product in 8-bit integers, fast where the CPU has VNNI.

    Weights have one scale per output, activations one per row. A scale for all activations at once costs
    0.5 nats per token on SmolLM2-135M; one per row costs 0.01. Sums of integers are exact, so a row's result
    doesn't depend on what else is in the batch.
    """

    def __init__(self, weight: Tensor) -> None:
        """Quantises a weight of shape (out, in)."""
        self._weight, self._scale = _quantised(weight, 127)

    def __call__(self, rows: Tensor) -> Tensor:
        """Maps rows (N, in) float32 to (N, out) float32."""
        scale = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        product = torch._int_mm((rows / scale).round().to(torch.int8), self._weight.t())
        return product * scale * self._scale


class PackedLinear:
    """The same in FBGEMM's kernels, fast on any CPU with AVX2.

    Without VNNI `torch._int_mm` is a plain loop, fifty times slower. These kernels add pairs of products in
    16 bits; weights of 7 bits (±63) beside activations of 8 (0 to 255) can't overflow them.
    """

    def __init__(self, weight: Tensor) -> None:
        """Quantises and packs a weight of shape (out, in)."""
        values, scale = _quantised(weight, 63)
        # Only FBGEMM has the product with a float result; packing decides for good.
        torch.backends.quantized.engine = "fbgemm"
        zeros = torch.zeros(len(scale), dtype=torch.long)
        packable = torch._make_per_channel_quantized_tensor(values, scale.double(), zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(packable, None)

    def __call__(self, rows: Tensor) -> Tensor:
        """Maps rows (N, in) float32 to (N, out) float32."""
        # Each row is brought to ±1 first, so that one scale for all is one scale per row.
        scale = rows.abs().amax(1, keepdim=True).clamp_min(1e-12)
        product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows / scale, 1 / 127, 128, self._packed
        )
        return product * scale  # type: ignore[no-any-return]


class FloatLinear:
    """The same product in float32: four times the memory and time."""

    def __init__(self, weight: Tensor) -> None:
        """Takes a weight of shape (out, in)."""
        self._weight = weight.float()

    def __call__(self, rows: Tensor) -> Tensor:
        """Maps rows (N, in) to (N, out)."""
        return nn.functional.linear(rows, self._weight)


Linear = Int8Linear | PackedLinear | FloatLinear


def fastest() -> type[Linear]:
    """The product that this CPU does fastest."""
    if torch.cpu.get_capabilities().get("avx512_vnni"):
        return Int8Linear
    if "fbgemm" in torch.backends.quantized.supported_engines and torch.cpu._is_avx2_supported():
        return PackedLinear
    return FloatLinear


@contextmanager
def preparing() -> Iterator[None]:
    """Around the making of products, which several threads may do at once."""
    with warnings.catch_warnings():
        # torch 2.13 foretells the end of the tensors that FBGEMM packs; constraints.txt pins it.
        warnings.filterwarnings("ignore", ".*quantized tensor creation functions", UserWarning)
        yield


def _quantised(weight: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Integers from -most to most (out, in), and the scale of each output (out,)."""
    scale = weight.abs().amax(1).float().clamp_min(1e-12) / most
    return (weight * (1 / scale[:, None])).round_().to(torch.int8), scale
