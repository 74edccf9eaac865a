"""The networks compute what the public ones do, where the parity data is at hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "parity"


@pytest.mark.skipif(not DATA.is_dir(), reason="the parity data is not on this machine")
def test_every_part_agrees_with_the_public_code() -> None:
    command = [sys.executable, DATA / "check.py", "tests/parity/dreamtalk.py"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 of 12 parts pass" in done.stdout
    assert "state dict diff_net             224 names" in done.stdout
    assert "state dict net_G_ema            304 names" in done.stdout
