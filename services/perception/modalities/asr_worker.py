"""Process that hears words while they are spoken.

pocketsphinx holds Python's interpreter lock while it works, which would hold up everything else in the
service; in a process of its own it runs beside the other modalities. Each stretch of speech is heard by a
fork of this process: the decoder keeps scores of earlier frames, so that one person's recording would
otherwise colour the next one's transcript. The process ends when its standard input, a Unix socket, is
closed, so also when the service is killed.

Each message on that socket carries the descriptor of another socket, for one stretch. On it come a line of
JSON with `mean` (cepstral mean of what the person said before, or null), then blocks: their number of bytes
(unsigned 32-bit, little endian) and 16-bit samples at 16 kHz; a block of 0 bytes ends the stretch. After each
block goes out a line of JSON: `words`, a list of [word, first frame, last frame, posterior probability] with
frames of 10 ms; the last line has also `mean`, for the next stretch.
"""

import io
import json
import os
import signal
import socket
import struct
import sys
from contextlib import suppress

from pocketsphinx import Decoder

# Words that end are searched less widely than by default (1e-40, 7e-29): a quarter less work, and the same
# words on every recording that was tried (see the service's README).
_LAST_PHONE_BEAMS = {"lpbeam": 1e-30, "lponlybeam": 1e-22}
# A second pass over the whole stretch (`fwdflat`) would only begin when the person has ended: 0.03 s for each
# second, for one word in thirty.
_WINDOW = 500
"""Frames as which pocketsphinx counts a mean that it is given."""
_FRAME_BYTES = 320


def main() -> None:
    """Answers until standard input ends."""
    # Ctrl-C reaches every process of a terminal; this one ends with its service.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, _reap)
    decoder = Decoder(
        samprate=16000, loglevel="FATAL", cmn="live", maxhmmpf=3000, fwdflat=False, **_LAST_PHONE_BEAMS
    )
    with socket.socket(fileno=os.dup(sys.stdin.fileno())) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not message:
                return
            if os.fork() == 0:
                control.close()
                _serve(decoder, descriptors[0])
                os._exit(0)
            os.close(descriptors[0])


def _reap(*_: object) -> None:
    """Lets forks that have ended go; their processor time is counted as this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve(decoder: Decoder, descriptor: int) -> None:
    with socket.socket(fileno=descriptor) as stretch, stretch.makefile("rwb") as file:
        mean = json.loads(file.readline())["mean"]
        block = _block(file)
        decoder.set_cmn(mean or _mean(decoder, block))
        decoder.start_utt()
        while block:
            decoder.process_raw(block)
            _say(file, {"words": _words(decoder)})
            block = _block(file)
        decoder.end_utt()
        _say(file, {"words": _words(decoder), "mean": decoder.get_cmn(True)})


def _block(file: io.BufferedRWPair) -> bytes:
    head = file.read(4)
    # A caller that is gone counts as the end.
    return file.read(struct.unpack("<I", head)[0]) if len(head) == 4 else b""


def _say(file: io.BufferedRWPair, answer: dict[str, object]) -> None:
    try:
        file.write(json.dumps(answer).encode() + b"\n")
        file.flush()
    except OSError:
        os._exit(0)


def _mean(decoder: Decoder, pcm: bytes) -> str:
    """Cepstral mean of the first block.

    Starting from pocketsphinx's own guess costs twice the errors. What it reports is a mean over the guess,
    counted as 500 frames, and the block, so the guess is taken out again.
    """
    guess = [float(part) for part in decoder.get_cmn(False).split(",")]
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=True)
    decoder.end_utt()
    mixed = [float(part) for part in decoder.get_cmn(True).split(",")]
    frames = max(1, len(pcm) // _FRAME_BYTES)
    return ",".join(
        f"{((_WINDOW + frames) * m - _WINDOW * g) / frames:.4f}" for m, g in zip(mixed, guess, strict=True)
    )


def _words(decoder: Decoder) -> list[tuple[str, int, int, float]]:
    segments = decoder.seg() if decoder.hyp() is not None else ()
    return [(s.word, s.start_frame, s.end_frame, s.prob) for s in segments if s.word[0] not in "<[+"]


if __name__ == "__main__":
    main()
