"""Made-up speech: a hum that is loud where visemes are open, and the segments that go with it."""

from collections.abc import AsyncIterator

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray

RATE = 24000
WORD = (("PP", 0.10), ("aa", 0.22), ("nn", 0.08), ("PP", 0.09), ("I", 0.16), ("sil", 0.15))
LOUD = {"sil": 0.0, "PP": 0.02, "nn": 0.12, "FF": 0.05, "SS": 0.08, "aa": 0.4, "I": 0.25, "O": 0.35}


def speech(words: int) -> tuple[content_pb2.ContentSegment, NDArray[np.int16]]:
    """A segment of some like words, and its sound."""
    segment = content_pb2.ContentSegment(text="made up")
    parts, time_s = [], 0.0
    for word in range(words):
        for name, length in WORD:
            segment.visemes.add(name=name, start_s=time_s, end_s=time_s + length, weight=1)
            segment.phonemes.add(
                ipa=name, start_s=time_s, end_s=time_s + length, word=word, stress=2 if name == "aa" else 0
            )
            t = np.arange(round(length * RATE)) / RATE
            hum = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 8))
            parts.append(LOUD[name] * 0.5 * hum)
            time_s += length
    segment.duration_s = time_s
    return segment, (np.concatenate(parts) * 32767).clip(-32767, 32767).astype(np.int16)


async def requests(
    samples: NDArray[np.int16],
    segment: content_pb2.ContentSegment | None = None,
    chunk_s: float = 0.2,
    **start: object,
) -> AsyncIterator[avatar_pb2.RenderRequest]:
    """A whole stream of requests."""
    yield avatar_pb2.RenderRequest(start=avatar_pb2.RenderStart(**({"sample_rate": RATE} | start)))
    if segment is not None:
        yield avatar_pb2.RenderRequest(spoken=segment)
    step = round(chunk_s * RATE)
    for first in range(0, len(samples), step):
        data = samples[first : first + step].astype("<i2").tobytes()
        yield avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=data, pts_s=first / RATE))
