"""Installs what pyproject.toml names, at the versions of constraints.txt, into the Python that runs this.

    install.py GROUP...    groups of optional dependencies, such as `all dev` or `speech`

Shows a line for each step; pip's own words go to install.log beside the environment. With TORCH_INDEX set,
PyTorch is taken from that package index (its makers' CPU wheels are a tenth of the size).
"""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = Path(sys.prefix) / "install.log"
PIP = [
    *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
    *("--progress-bar", "off", "--root-user-action", "ignore", "--constraint", str(ROOT / "constraints.txt")),
]


def requirements(groups: list[str]) -> tuple[list[str], list[str]]:
    """What to install, and what to install without its own dependencies, for some groups."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = pyproject["project"]["optional-dependencies"]
    needed = list(pyproject["project"]["dependencies"])
    models: list[str] = []
    waiting = list(groups)
    while waiting:
        group = waiting.pop()
        models += pyproject["tool"]["empatheia"]["models"].get(group, [])
        for requirement in optional[group]:
            nested = re.fullmatch(r"empatheia\[(.*)\]", requirement)
            if nested:
                waiting += nested[1].split(",")
            else:
                needed.append(requirement)
    return sorted(set(needed)), sorted(set(models))


def step(title: str, *arguments: str) -> None:
    """Runs pip, and shows what it works on while it does."""
    started = time.monotonic()
    terminal = sys.stdout.isatty()
    clear = "\r\033[K" if terminal else ""
    print(f"  {title} ...", end="" if terminal else "\n", flush=True)
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            [*PIP, *arguments], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as pip,
    ):
        lines: list[str] = []
        for line in pip.stdout or ():
            log.write(line)
            lines.append(line)
            at_work = re.match(r"\s*(Collecting|Downloading|Building|Installing) \S+", line)
            if terminal and at_work:
                print(f"{clear}  {title} ... {at_work[0].strip()[:60]}", end="", flush=True)
    if pip.returncode:
        print(f"\n{''.join(lines[-25:])}{title} failed; all that pip said is in {LOG}", file=sys.stderr)
        sys.exit(1)
    print(f"{clear}  {title}: {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    """Installs the groups on the command line."""
    needed, models = requirements(sys.argv[1:])
    LOG.unlink(missing_ok=True)
    index = os.environ.get("TORCH_INDEX")
    if index and any(requirement.startswith("torch=") for requirement in needed):
        step("PyTorch", "--no-deps", "--index-url", index, "torch")
    step("dependencies", *needed)
    if models:
        # They carry a model's weights, and also name programs to run them with, which are not needed here.
        step("models", "--no-deps", *models)


if __name__ == "__main__":
    main()
