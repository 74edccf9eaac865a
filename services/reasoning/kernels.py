"""What the network does between its large products, compiled by Numba for the processor at hand.

Each kernel does in one pass over memory what would be a dozen calls of torch, each of which takes longer to
call than to compute. Rows are taken one by one, so a row's result does not depend on what else is in the
pass.

Products want rows that are brought to ±1. So what goes into one is kept as such rows beside one factor per
row, and what comes out of it is still to be multiplied by that factor: the next kernel does so.

Compiling takes seconds, once: the code is kept where Python keeps its own.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

# Sums may be taken in another order and no number is infinite: otherwise loops would not be vectorised.
_OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz", "nnan", "ninf"},
    "error_model": "numpy",
    "nogil": True,
}
_LEAST = np.float32(1e-12)
_ONE = np.float32(1)

_part: Callable[[F], F] = njit(**_OPTIONS)
"""A function for kernels to call."""


def _compiled(signature: str) -> Callable[[F], F]:
    def compile_now(function: F) -> F:
        try:
            return cast(F, njit(signature, cache=True, **_OPTIONS)(function))
        except RuntimeError:  # there is no place where it could be kept
            return cast(F, njit(signature, **_OPTIONS)(function))

    return compile_now


@intrinsic
def _as_float(_: Any, bits: Any) -> Any:
    """Takes the bits of an integer for a float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@_part
def _exp(x: Any) -> Any:
    """Exponential to a relative 2e-7: unlike the one of the C library, it is vectorised."""
    power = min(max(x * np.float32(1.44269504), np.float32(-126)), np.float32(126))
    whole = np.int32(np.int32(power + np.float32(126.5)) - 126)
    rest = (power - np.float32(whole)) * np.float32(0.69314718)
    series = rest * np.float32(1 / 720) + np.float32(1 / 120)
    series = series * rest + np.float32(1 / 24)
    series = series * rest + np.float32(1 / 6)
    series = series * rest + np.float32(1 / 2)
    series = series * rest + _ONE
    series = series * rest + _ONE
    return series * _as_float(np.int32((whole + 127) << 23))  # type: ignore[call-arg]


@_part
def _level(row: Any) -> Any:
    """Brings a row to ±1; returns the factor that undoes it."""
    most = _LEAST
    for j in range(len(row)):
        most = max(most, abs(row[j]))
    inverse = _ONE / most
    for j in range(len(row)):
        row[j] *= inverse
    return most


@_part
def _spread(row: Any, size: int) -> None:
    """Multiplies by a Hadamard matrix of that size, a power of two: entries that lie evenly apart."""
    width = len(row)
    apart = width // size
    while 4 * apart <= width:
        for start in range(0, width, 4 * apart):
            for j in range(start, start + apart):
                a, b, c, d = row[j], row[j + apart], row[j + 2 * apart], row[j + 3 * apart]
                row[j], row[j + apart] = a + b + (c + d), a - b + (c - d)
                row[j + 2 * apart], row[j + 3 * apart] = a + b - (c + d), a - b - (c - d)
        apart *= 4
    if apart < width:
        for j in range(apart):
            a, b = row[j], row[j + apart]
            row[j], row[j + apart] = a + b, a - b


@_part
def _softmax(row: Any) -> None:
    """Turns scores into shares."""
    most = row[0]
    for j in range(len(row)):
        most = max(most, row[j])
    total = np.float32(0)
    for j in range(len(row)):
        row[j] = _exp(row[j] - most)
        total += row[j]
    inverse = _ONE / total
    for j in range(len(row)):
        row[j] *= inverse


@_part
def _turn(head: Any, factor: Any, angles: Any, into: Any) -> None:
    """Rotary embedding of one head, whose pairs are neighbours."""
    for j in range(len(angles)):
        a, b = head[2 * j] * factor, head[2 * j + 1] * factor
        into[2 * j] = a * angles[j, 0] - b * angles[j, 1]
        into[2 * j + 1] = a * angles[j, 1] + b * angles[j, 0]


@_part
def _keep(heads: Any, factor: Any, angles: Any, keys: Any, values: Any, place: Any) -> None:
    """Stores the keys and values of one row."""
    count, _, size = keys.shape
    first = len(heads) - 2 * count
    for h in range(count):
        _turn(heads[first + h], factor, angles, keys[h, place])
        for j in range(size):
            values[h, place, j] = heads[first + count + h, j] * factor


@_compiled("void(f4[:,::1], f4[:,::1], f4[::1], f4[::1], f8, f4[:,::1])")
def settle(state: Any, added: Any, factor: Any, weight: Any, epsilon: float, into: Any) -> None:
    """Adds a product to the residual state, and norms it by its root mean square.

    Args:
        state: (N, D): what is added to.
        added: (N, D).
        factor: (N,) of `added`; becomes the one of `into`.
        weight: (D,) of the norm.
        epsilon: Of the norm.
        into: (N, D): gets the normed state, brought to ±1.
    """
    count, width = state.shape
    for i in range(count):
        own = factor[i]
        squares = np.float32(0)
        for j in range(width):
            value = state[i, j] + added[i, j] * own
            state[i, j] = value
            into[i, j] = value * weight[j]
            squares += value * value
        factor[i] = _level(into[i]) / math.sqrt(squares / np.float32(width) + np.float32(epsilon))


@_compiled("void(f4[:,::1], f4[::1], i8, f4[:,::1])")
def gate(both: Any, factor: Any, spread: int, into: Any) -> None:
    """SiLU of the first half of each row times its second half, spread out.

    Args:
        both: (N, 2 M).
        factor: (N,) of `both`; becomes the one of `into`.
        spread: Over how many entries each is spread (see `model.py`).
        into: (N, M): gets the result, brought to ±1.
    """
    count, width = into.shape
    for i in range(count):
        own = factor[i]
        for j in range(width):
            gated = both[i, j] * own
            into[i, j] = gated / (_ONE + _exp(-gated)) * (both[i, width + j] * own)
        _spread(into[i], spread)
        factor[i] = _level(into[i])


@_compiled("void(f4[:,:,::1], i8, f4[::1], f4[:,:,::1], f4[:,:,:,:,::1], i8, i8, f4[:,::1])")
def attend(
    heads: Any, row: int, factor: Any, angles: Any, buffer: Any, layer: int, place: int, into: Any
) -> None:
    """Attention of a single token: keeps its key and value, and looks at all up to itself.

    Args:
        heads: (N, heads, head size): queries, keys and values.
        row: Which of the N.
        factor: (N,) of `heads`; the row's becomes the one of `into`.
        angles: (N, half a head, 2): cosines and sines.
        buffer: (layers, 2, key-value heads, capacity, head size).
        layer: Which of the layers.
        place: Entry of the buffer for this token.
        into: (N, D): its row gets what was seen, brought to ±1.
    """
    keys, values = buffer[layer, 0], buffer[layer, 1]
    kept, _, size = keys.shape
    group = (heads.shape[1] - 2 * kept) // kept
    _keep(heads[row], factor[row], angles[row], keys, values, place)
    end = place + 1
    query = np.empty((group, size), np.float32)
    shares = np.empty((group, end), np.float32)
    scaled = factor[row] / math.sqrt(np.float32(size))
    # What comes from memory is used for all heads of its group at once.
    for h in range(kept):
        key, value = keys[h], values[h]
        for g in range(group):
            _turn(heads[row, h * group + g], scaled, angles[row], query[g])
        for t in range(end):
            for g in range(group):
                product = np.float32(0)
                for j in range(size):
                    product += query[g, j] * key[t, j]
                shares[g, t] = product
        for g in range(group):
            _softmax(shares[g])
        seen = into[row, h * group * size : (h + 1) * group * size].reshape(group, size)
        seen[:] = 0
        fours = end - end % 4
        for t in range(0, fours, 4):
            for g in range(group):
                a, b, c, d = shares[g, t], shares[g, t + 1], shares[g, t + 2], shares[g, t + 3]
                for j in range(size):
                    seen[g, j] += (
                        a * value[t, j] + b * value[t + 1, j] + c * value[t + 2, j] + d * value[t + 3, j]
                    )
        for t in range(fours, end):
            for g in range(group):
                for j in range(size):
                    seen[g, j] += shares[g, t] * value[t, j]
    factor[row] = _level(into[row])


@_compiled("void(f4[:,:,::1], i8, f4[::1], f4[:,:,::1], f4[:,:,:,:,::1], i8, i8, f4[:,:,:,::1])")
def prepare(
    heads: Any, row: int, factor: Any, angles: Any, buffer: Any, layer: int, place: int, queries: Any
) -> None:
    """The same for several tokens of one sequence, up to the attention itself.

    Args:
        heads: As for `attend`.
        row: The first.
        factor: (N,) of `heads`.
        angles: As for `attend`.
        buffer: As for `attend`.
        layer: As for `attend`.
        place: Of the first.
        queries: (key-value heads, heads of each, tokens, head size): gets them turned and scaled.
    """
    kept, group, count, size = queries.shape
    for i in range(count):
        own, turns = factor[row + i], angles[row + i]
        _keep(heads[row + i], own, turns, buffer[layer, 0], buffer[layer, 1], place + i)
        for h in range(kept * group):
            scaled = own / math.sqrt(np.float32(size))
            _turn(heads[row + i, h], scaled, turns, queries[h // group, h % group, i])


@_compiled("void(f4[:,:,:,::1], i8, f4[::1], f4[:,::1])")
def collect(seen: Any, row: int, factor: Any, into: Any) -> None:
    """What several tokens of one sequence saw, as rows.

    Args:
        seen: (key-value heads, heads of each, tokens, head size).
        row: The first.
        factor: (N,): gets those of the rows.
        into: (N, D): gets the rows, brought to ±1.
    """
    kept, group, count, size = seen.shape
    for i in range(count):
        for h in range(kept * group):
            into[row + i, h * size : (h + 1) * size] = seen[h // group, h % group, i]
        factor[row + i] = _level(into[row + i])


@_compiled("void(f4[:,::1], f4[::1])")
def level(rows: Any, factor: Any) -> None:
    """Brings rows (N, D) to ±1; gives the factors (N,) that undo it."""
    for i in range(len(rows)):
        factor[i] = _level(rows[i])


@_compiled("void(f4[:,::1], i1[:,::1], f4[::1], f4[:,::1])")
def multiply(rows: Any, weight: Any, scale: Any, into: Any) -> None:
    """An 8-bit product of a few rows, bit for bit the one of FBGEMM, which takes longer to be called.

    Args:
        rows: (N, in), within ±1.
        weight: (out, in).
        scale: (out,): what a step of weight and row is worth.
        into: (N, out).
    """
    steps = np.empty(rows.shape, np.int16)
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            # FBGEMM rounds unsigned steps, and so as to round but once: so does this, contracted.
            steps[i, j] = np.int16(np.rint(rows[i, j] * np.float32(127) + np.float32(128))) - 128
    for k in range(len(weight)):
        for i in range(len(rows)):
            total = np.int32(0)
            for j in range(rows.shape[1]):
                total = np.int32(total + np.int32(weight[k, j]) * np.int32(steps[i, j]))
            into[i, k] = np.float32(total) * scale[k]
