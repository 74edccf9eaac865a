"""The same function as the public StyleTTS2, on stored inputs and invented weights of its full width.

The parts that take long (decoder, style encoders, end to end) are left to the parity data's `check.py`.
"""

import importlib.util
import sys
from pathlib import Path

import pytest

from tests.parity import styletts2

DATA = Path(__file__).parents[3] / "shared" / "parity"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the stored parity data are not here")


@pytest.fixture(scope="module")
def check():
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("parity_check", DATA / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.mark.parametrize(
    "part",
    ["mel", "text_encoder", "bert", "duration_encoder", "duration", "f0n", "style_denoiser", "style_sampler"],
)
def test_part(check, part):
    name = f"styletts2_{part}"
    assert check.run_part(name, DATA / f"{name}.npz", getattr(styletts2, name))


def test_symbols(check):
    file = DATA / "styletts2_symbols.json"
    assert check.run_part("styletts2_text_cleaner", file, styletts2.styletts2_text_cleaner)


def test_names_and_shapes(check):
    assert check.check_names(styletts2, DATA)
