"""How fast perception is, and how much it holds: `python -m benchmarks.perception_stream FILE ...`.

For each recording: the real-time factor of all of the embedded perception once it is warm (processor time of
the service and its recognizer by length), and, with the recording sent at the speed at which it was made, how
long the final answer comes after the last part. The recording is first repacked without loss into Matroska,
which can be read while it grows, and cut to `--seconds`.

`--hour` streams an hour instead, the recording's sound once a minute and silence in between, as fast as it is
taken, and watches memory.
"""

import argparse
import io
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from empatheia.common.v1 import media_pb2

from services.perception.backends.embedded import EmbeddedBackend
from services.perception.recording import SAMPLE_RATE, decode
from services.perception.utterance import Utterance

_ME = os.getpid()
_TICKS = os.sysconf("SC_CLK_TCK")
_PART_S = 0.25
_HOUR_S = 3600


def main() -> None:
    """Prints one JSON object a recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=6.0, help="what is kept of each recording")
    parser.add_argument("-n", "--repeats", type=int, default=3)
    parser.add_argument("--hour", action="store_true", help="stream an hour instead")
    chosen = parser.parse_args()
    backend = EmbeddedBackend({})
    try:
        for file in chosen.files:
            if chosen.hour:
                print(json.dumps({"file": file.name, **hour(backend, file)}))  # noqa: T201
            else:
                figures = speed(backend, file, chosen.seconds, chosen.repeats)
                print(json.dumps({"file": file.name, **figures}))  # noqa: T201
    finally:
        backend.close()


def speed(backend: EmbeddedBackend, file: Path, seconds: float, repeats: int) -> dict[str, Any]:
    """Measures one recording.

    Returns:
        `length_s`; `rtf`, `wall_rtf`: processor and wall time by length, medians; `after_last_ms`: for each
        repeat, from the last part to the answer; `partials`: transcripts that came before.
    """
    data, length = repacked(file, seconds)
    _perceive(backend, data, length, live=False)
    whole = [_perceive(backend, data, length, live=False) for _ in range(repeats)]
    live = [_perceive(backend, data, length, live=True) for _ in range(repeats)]
    return {
        "length_s": round(length, 2),
        "rtf": round(float(np.median([one["cpu_s"] for one in whole])) / length, 3),
        "wall_rtf": round(float(np.median([one["wall_s"] for one in whole])) / length, 3),
        "after_last_ms": [round(1000 * one["after_s"]) for one in live],
        "partials": live[0]["partials"],
    }


def hour(backend: EmbeddedBackend, file: Path) -> dict[str, Any]:
    """Streams an hour.

    Returns:
        `length_s`, `wall_s`, `words`, `start_mb` and `peak_mb`: resident memory of the service's process.
    """
    sound = decode(file.read_bytes(), media_pb2.MediaHeader(), "file", 600).samples
    if sound is None:
        raise SystemExit(f"{file} has no sound")
    minute = np.zeros(60 * SAMPLE_RATE, np.int16)
    minute[: len(sound)] = (sound[: len(minute)] * 32767).astype(np.int16)
    utterance = Utterance(backend, _HOUR_S + 60, lambda _: None)
    utterance.open(0, media_pb2.MediaHeader(kind=media_pb2.MEDIA_KIND_AUDIO))
    start, started = _resident_mb(), time.monotonic()
    utterance.write(0, _endless_wav())
    for _ in range(60):
        utterance.write(0, minute.tobytes())
        time.sleep(0.5)  # An hour is never there at once.
    utterance.end(0)
    perception = utterance.finish("", [])
    utterance.stop()
    return {
        "length_s": round(perception.audio_s),
        "wall_s": round(time.monotonic() - started),
        "words": len(perception.transcript.words),
        "start_mb": start,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _perceive(backend: EmbeddedBackend, data: bytes, length_s: float, *, live: bool) -> dict[str, float]:
    heard: list[object] = []
    utterance = Utterance(backend, 600, heard.append)
    wall, cpu = time.perf_counter(), _cpu_s()
    utterance.open(0, media_pb2.MediaHeader())
    count = max(1, round(length_s / _PART_S)) if live else 1
    edges = [round(len(data) * i / count) for i in range(count + 1)]
    for i in range(count):
        utterance.write(0, data[edges[i] : edges[i + 1]])
        if live and i < count - 1:
            time.sleep(max(0.0, wall + (i + 1) * _PART_S - time.perf_counter()))
    utterance.end(0)
    last = time.perf_counter()
    utterance.finish("", [], allow_wordless=True)
    done = time.perf_counter()
    partials = len(heard) - 1
    utterance.stop()
    return {"wall_s": done - wall, "cpu_s": _cpu_s() - cpu, "after_s": done - last, "partials": partials}


def repacked(file: Path, seconds: float) -> tuple[bytes, float]:
    """A recording as Matroska, which can be read while it grows, cut to a length; and how long it is."""
    target = io.BytesIO()
    length = 0.0
    with av.open(str(file)) as source, av.open(target, "w", format="matroska") as output:
        kept = [stream for stream in source.streams if stream.type in ("audio", "video")]
        streams = {stream.index: output.add_stream_from_template(stream) for stream in kept}
        for packet in source.demux():
            if packet.dts is None or packet.pts is None or packet.stream.index not in streams:
                continue
            begin = float(packet.pts * packet.time_base)
            if begin >= seconds:
                continue
            length = max(length, begin + float((packet.duration or 0) * packet.time_base))
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    return target.getvalue(), length


def _endless_wav() -> bytes:
    endless = (0xFFFFFFFF).to_bytes(4, "little")
    rate = SAMPLE_RATE.to_bytes(4, "little") + (2 * SAMPLE_RATE).to_bytes(4, "little")
    form = b"fmt " + (16).to_bytes(4, "little") + b"\x01\x00\x01\x00" + rate + b"\x02\x00\x10\x00"
    return b"RIFF" + endless + b"WAVE" + form + b"data" + endless


def _cpu_s() -> float:
    """Processor time of this process and of its recognizer's forks, as far as they have ended."""
    own = time.process_time()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(") ", 1)[1].split()
            command = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if b"asr_worker" in command and int(fields[1]) == _ME:
            # utime, stime, and those of children that ended; forks are reaped at once.
            own += sum(int(fields[i]) for i in (11, 12, 13, 14)) / _TICKS
    return own


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20)


if __name__ == "__main__":
    main()
