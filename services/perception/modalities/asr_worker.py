"""Process that hears words: stretches of speech come in on stdin, words go out on stdout.

pocketsphinx holds Python's interpreter lock while it works, which would hold up everything else in the
service; in a process of its own it runs beside the other modalities. Each stretch is heard by a fork of
this process: the decoder keeps scores of earlier frames, so that one person's recording would otherwise
colour the next one's transcript. Stretches that come together are heard side by side. The process ends when
stdin does, so also when the service is killed.

In: number of stretches, then for each the number of bytes (unsigned 32-bit, little endian) and 16-bit samples
at 16 kHz. Out: a line of JSON with a list per stretch of [word, first frame, last frame, posterior
probability], or null for a stretch that failed; a frame is 10 ms.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Any

from pocketsphinx import Decoder

# Words that end are searched less widely than by default (1e-40, 7e-29): a quarter less work, and the same
# words on every recording that was tried (see the service's README).
_LAST_PHONE_BEAMS = {"lpbeam": 1e-30, "lponlybeam": 1e-22}


def main() -> None:
    """Answers until stdin ends."""
    # Ctrl-C reaches every process of a terminal; this one ends with its service.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Batch normalisation takes the mean over the whole stretch; the live kind starts from a guess.
    decoder = Decoder(samprate=16000, loglevel="FATAL", cmn="batch", maxhmmpf=3000, **_LAST_PHONE_BEAMS)
    while (count := _number()) is not None:
        stretches = [sys.stdin.buffer.read(_number() or 0) for _ in range(count)]
        sys.stdout.write(json.dumps(_hear(decoder, stretches)) + "\n")
        sys.stdout.flush()


def _number() -> int | None:
    head = sys.stdin.buffer.read(4)
    return int(struct.unpack("<I", head)[0]) if len(head) == 4 else None


def _hear(decoder: Decoder, stretches: Sequence[bytes]) -> list[Any]:
    started = []
    for pcm in stretches:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with os.fdopen(writer, "w") as answer:
                json.dump(_words(decoder, pcm), answer)
            os._exit(0)
        os.close(writer)
        started.append((child, reader))
    heard = []
    for child, reader in started:
        with os.fdopen(reader) as answer:
            words = answer.read()
        _, status = os.waitpid(child, 0)
        heard.append(None if status else json.loads(words))
    return heard


def _words(decoder: Decoder, pcm: bytes) -> list[tuple[str, int, int, float]]:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    segments = decoder.seg() if decoder.hyp() is not None else ()
    return [(s.word, s.start_frame, s.end_frame, s.prob) for s in segments if s.word[0] not in "<[+"]


if __name__ == "__main__":
    main()
