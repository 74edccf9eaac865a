"""The compiled kernels do what torch does, row by row."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.reasoning import kernels
from services.reasoning.model import Shape, Span, _Attention, _gathering

Array = NDArray[np.float32]


def some(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def whole(rows: Array, factor: Array) -> Tensor:
    assert np.abs(rows).max(1) == pytest.approx(1.0)
    return torch.from_numpy(rows * factor[:, None])


def test_a_state_is_added_to_and_normed() -> None:
    state, added, factor, weight = some(3, 48), some(3, 48, seed=1), some(3, seed=2), some(48, seed=3)
    expected = torch.from_numpy(state + added * factor[:, None])
    into = np.empty_like(state)
    kernels.settle(state, added, factor, weight, 1e-5, into)
    assert torch.allclose(torch.from_numpy(state), expected, atol=1e-6)
    normed = nn.functional.rms_norm(expected, (48,), torch.from_numpy(weight), 1e-5)
    assert torch.allclose(whole(into, factor), normed, atol=1e-5)


@pytest.mark.parametrize(("width", "spread"), [(96, 32), (96, 8), (64, 2), (33, 1)])
def test_gated_values_are_spread_and_gathered_again(width: int, spread: int) -> None:
    both, factor, into = some(3, 2 * width) * 9, some(3, seed=1), np.empty((3, width), np.float32)
    both[2, 0] = -1e6  # an exponential that float32 can't hold
    gates, values = (torch.from_numpy(both * factor[:, None])).chunk(2, -1)
    weight = torch.from_numpy(some(5, width, seed=2))
    kernels.gate(both, factor, spread, into)
    found = whole(into, factor) @ _gathering(weight, spread).T
    expected = (nn.functional.silu(gates) * values) @ weight.T
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_an_outlier_is_spread_out() -> None:
    both, into = np.ones((1, 192), np.float32), np.empty((1, 96), np.float32)
    both[0, 100] = 1000
    kernels.gate(both, np.ones(1, np.float32), 32, into)
    assert (np.abs(into) > 0.9).sum() == 32


SHAPE = Shape(64, 48, 96, 2, 6, 2, 128, 1e-5, 10_000.0)
GROUP, SIZE = 3, 8


def turned(rows: Tensor, angles: Tensor) -> Tensor:
    """(..., N, head size), whose pairs are neighbours."""
    pairs = torch.view_as_complex(rows.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.view_as_complex(angles)).flatten(-2)


@pytest.mark.parametrize(("count", "start"), [(1, 0), (1, 6), (3, 0), (3, 6)])
def test_attention_keeps_and_sees(count: int, start: int) -> None:
    first, total = 1, count + 2  # there are other rows
    heads, factor = some(total, 10, SIZE), np.abs(some(total, seed=1))
    angles = torch.polar(torch.ones(total, SIZE // 2), torch.from_numpy(some(total, SIZE // 2, seed=2)))
    buffer = torch.from_numpy(some(2, 2, 2, 12, SIZE, seed=3))
    span = Span(torch.zeros(count, dtype=torch.long), buffer, start)
    mine = slice(first, first + count)
    own = torch.from_numpy(heads[mine] * factor[mine, None, None]).transpose(0, 1)
    turns = torch.view_as_real(angles)[mine]
    keys = torch.cat([buffer[1, 0, :, :start], turned(own[6:8].contiguous(), turns)], 1)
    values = torch.cat([buffer[1, 1, :, :start], own[8:]], 1)
    mask = torch.arange(start + count) <= torch.arange(start, start + count)[:, None]
    expected = nn.functional.scaled_dot_product_attention(
        turned(own[:6].contiguous(), turns).unflatten(0, (2, GROUP)),
        keys[:, None].expand(-1, GROUP, -1, -1),
        values[:, None].expand(-1, GROUP, -1, -1),
        attn_mask=mask,
    )
    before, into = buffer.clone(), np.zeros((total, 48), np.float32)
    _Attention(span, first, torch.view_as_real(angles).numpy(), SHAPE)(1, heads, factor, into)
    assert torch.allclose(buffer[1, 0, :, : span.end], keys, atol=1e-6)
    assert torch.allclose(buffer[1, 1, :, : span.end], values, atol=1e-6)
    buffer[1, :, :, start : span.end] = before[1, :, :, start : span.end]
    assert torch.equal(buffer, before)  # nothing else was written
    seen = expected.flatten(0, 1).transpose(0, 1).reshape(count, 48)
    assert torch.allclose(whole(into[mine], factor[mine]), seen, atol=1e-5)
    assert not into[0].any()
    assert not into[-1].any()
