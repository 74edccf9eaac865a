"""The same function as the public StyleTTS2, on stored inputs and invented weights of its full width."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "parity"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the stored parity data are not here")


@pytest.mark.parametrize(
    "part", ["mel", "text_cleaner", "text_encoder", "duration_encoder", "f0n", "source", "style_sampler"]
)
def test_part(part):
    run = subprocess.run(
        [
            sys.executable,
            DATA / "check.py",
            ROOT / "tests/parity/styletts2.py",
            "--only",
            f"styletts2_{part}",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
