"""Matrix products without bias, and which of them is fast on this CPU."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from services.reasoning import kernels


class PackedLinear:
    """A product in 8-bit integers, in FBGEMM's kernels.

    Weights have one scale per output. Each row comes brought to ±1, so that one scale for all is one per row:
    one for all rows as they are would cost half a nat per token. Sums of integers are exact, so a row's
    result doesn't depend on what else is in the batch.
    """

    def __init__(self, weight: Tensor) -> None:
        """Quantises and packs a weight of shape (out, in)."""
        most = _most()
        scale = weight.abs().amax(1).float().clamp_min(1e-12) / most
        values = (weight * (1 / scale[:, None])).round_().to(torch.int8)
        self._values = values.numpy()
        self._scale = (scale * torch.tensor(1 / 127)).numpy()
        # Only FBGEMM has the product with a float result; packing decides for good.
        torch.backends.quantized.engine = "fbgemm"
        zeros = torch.zeros(len(scale), dtype=torch.long)
        packable = torch._make_per_channel_quantized_tensor(values, scale.double(), zeros, 0)
        self._packed = torch.ops.quantized.linear_prepack(packable, None)
        # The bare operator: calling it by its public name checks each argument in Python, 120 times a token.
        self._product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default._op

    def __call__(self, rows: Tensor) -> Tensor:
        """Maps rows (N, in) of float32 within ±1 to (N, out) of float32."""
        if len(rows) == 1:  # FBGEMM's call alone takes a millisecond of a token
            into = torch.empty(1, len(self._scale))
            kernels.multiply(rows.numpy(), self._values, self._scale, into.numpy())
            return into
        product: Tensor = self._product(rows, 1 / 127, 128, self._packed)
        return product


class FloatLinear:
    """The same product in float32: four times the memory and time."""

    def __init__(self, weight: Tensor) -> None:
        """Takes a weight of shape (out, in)."""
        self._weight = weight.float()

    def __call__(self, rows: Tensor) -> Tensor:
        """Maps rows (N, in) to (N, out)."""
        return nn.functional.linear(rows, self._weight)


Linear = PackedLinear | FloatLinear


def fastest() -> type[Linear]:
    """The product that this CPU does fastest."""
    if "fbgemm" in torch.backends.quantized.supported_engines and torch.cpu._is_avx2_supported():
        return PackedLinear
    return FloatLinear


def _most() -> int:
    """The largest weight that can't overflow FBGEMM's sums.

    With AVX-512 VNNI they have 32 bits. Without, pairs of products are added in 16: weights of 7 bits beside
    activations of 8 (0 to 255) fit.
    """
    return 127 if torch.cpu.get_capabilities().get("avx512_vnni") else 63


@contextmanager
def preparing() -> Iterator[None]:
    """Around the making of products, which several threads may do at once."""
    with warnings.catch_warnings():
        # torch 2.13 foretells the end of the tensors that FBGEMM packs; constraints.txt pins it.
        warnings.filterwarnings("ignore", ".*quantized tensor creation functions", UserWarning)
        yield
