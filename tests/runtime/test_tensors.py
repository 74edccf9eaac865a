import numpy as np
import pytest
from empatheia.common.v1 import tensor_pb2

from runtime.errors import InvalidInput
from runtime.tensors import to_array, to_proto


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "i4", "b1"])
def test_an_array_survives_the_wire(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    tensor = to_proto("x", array)
    assert tensor.name == "x"
    np.testing.assert_array_equal(to_array(tensor), array)
    assert to_array(tensor).dtype == array.dtype


def test_bfloat16_comes_out_as_float32() -> None:
    upper = (np.array([1.5, -2.0], "<f4").view("<u4") >> 16).astype("<u2")
    tensor = tensor_pb2.Tensor(shape=[2], dtype="DATA_TYPE_BFLOAT16", data=upper.tobytes())
    np.testing.assert_array_equal(to_array(tensor), np.array([1.5, -2.0], "<f4"))


def test_a_slice_is_packed_in_its_own_order() -> None:
    array = np.arange(12, dtype="f4").reshape(3, 4)[:, ::2]
    np.testing.assert_array_equal(to_array(to_proto("x", array)), array)


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        (tensor_pb2.Tensor(name="S_s", shape=[2], dtype="DATA_TYPE_FLOAT32", data=b"1234"), "needs 8 bytes"),
        (tensor_pb2.Tensor(name="S_s", shape=[-1], dtype="DATA_TYPE_FLOAT32"), "negative axis"),
        (tensor_pb2.Tensor(name="S_s", shape=[1], data=b"1"), "no known dtype"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tensor: tensor_pb2.Tensor, says: str) -> None:
    with pytest.raises(InvalidInput, match=f"S_s: .*{says}"):
        to_array(tensor)
