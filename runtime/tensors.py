"""Arrays on the wire: shape, dtype and bytes."""

import math

import numpy as np
from empatheia.common.v1 import tensor_pb2
from numpy.typing import NDArray

from runtime.errors import InvalidInput

_DTYPES: dict[tensor_pb2.DataType, str] = {
    tensor_pb2.DATA_TYPE_FLOAT32: "<f4",
    tensor_pb2.DATA_TYPE_FLOAT16: "<f2",
    tensor_pb2.DATA_TYPE_INT64: "<i8",
    tensor_pb2.DATA_TYPE_INT32: "<i4",
    tensor_pb2.DATA_TYPE_BOOL: "|b1",
}
_CODES = {np.dtype(text): code for code, text in _DTYPES.items()}


def to_proto(name: str, array: NDArray[np.generic]) -> tensor_pb2.Tensor:
    """Packs an array; the dtype must be one of the contract's."""
    dtype = _CODES[array.dtype.newbyteorder("<")]
    data = np.ascontiguousarray(array).tobytes()
    return tensor_pb2.Tensor(name=name, shape=list(array.shape), dtype=dtype, data=data)


def to_array(tensor: tensor_pb2.Tensor) -> NDArray[np.generic]:
    """Unpacks an array (read-only).

    bfloat16, which numpy lacks, comes out as float32.

    Raises:
        InvalidInput: Shape, dtype and bytes don't fit together.
    """
    shape = tuple(tensor.shape)
    if any(axis < 0 for axis in shape):
        raise InvalidInput.of(tensor.name or "tensor", f"negative axis in shape {shape}", reason="BAD_TENSOR")
    if tensor.dtype == tensor_pb2.DATA_TYPE_BFLOAT16:
        dtype = np.dtype("<u2")
    elif tensor.dtype in _DTYPES:
        dtype = np.dtype(_DTYPES[tensor.dtype])
    else:
        raise InvalidInput.of(tensor.name or "tensor", "has no known dtype", reason="BAD_TENSOR")
    expected = math.prod(shape) * dtype.itemsize
    if len(tensor.data) != expected:
        raise InvalidInput.of(
            tensor.name or "tensor",
            f"shape {shape} needs {expected} bytes, {len(tensor.data)} came",
            reason="BAD_TENSOR",
        )
    array = np.frombuffer(tensor.data, dtype).reshape(shape)
    if tensor.dtype == tensor_pb2.DATA_TYPE_BFLOAT16:
        return (array.astype("<u4") << 16).view("<f4")
    return array
