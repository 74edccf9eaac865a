"""Memory of a process and all its descendants."""

import threading
from pathlib import Path

_PROC = Path("/proc")
_INTERVAL_S = 0.25


def tree_bytes(pid: int) -> int:
    """Proportional set size of a process and its descendants, in bytes (Linux).

    Pages that several processes share are counted once.
    """
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # The process ended while we looked.
        children.setdefault(parent, []).append(int(folder.name))
    total, waiting = 0, [pid]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        total += _own_bytes(process)
    return total


class PeakMemory:
    """Watches a process tree from a thread: `with PeakMemory(pid) as peak: ...; peak.bytes`."""

    def __init__(self, pid: int) -> None:
        """Names the process to watch."""
        self.bytes = 0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, tree_bytes(self._pid))
            if self._done.wait(_INTERVAL_S):
                return


def _own_bytes(pid: int) -> int:
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # It ended, or is a kernel thread.
    return 0
