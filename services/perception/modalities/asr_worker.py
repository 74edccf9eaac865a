"""Process that hears words: utterances come in on stdin, words go out on stdout.

pocketsphinx holds Python's interpreter lock while it works, which would hold up everything else in the
service; in a process of its own it runs beside the other modalities. Each utterance is heard by a fork of
this process: the decoder keeps scores of earlier frames, so that one person's recording would otherwise
colour the next one's transcript. The process ends when stdin does, so also when the service is killed.

In: number of bytes (unsigned 32-bit, little endian), then 16-bit samples at 16 kHz. Out: a line of JSON with
[word, first frame, last frame, posterior probability] for each word, or null; a frame is 10 ms.
"""

import json
import os
import signal
import struct
import sys

from pocketsphinx import Decoder


def main() -> None:
    """Answers until stdin ends."""
    # Ctrl-C reaches every process of a terminal; this one ends with its service.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Batch normalisation takes the mean over the whole utterance; the live kind starts from a guess.
    decoder = Decoder(samprate=16000, loglevel="FATAL", cmn="batch", maxhmmpf=3000)
    while len(head := sys.stdin.buffer.read(4)) == 4:
        pcm = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
        child = os.fork()
        if child == 0:
            _answer(decoder, pcm)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            _write("null")


def _answer(decoder: Decoder, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    segments = decoder.seg() if decoder.hyp() is not None else ()
    words = [(s.word, s.start_frame, s.end_frame, s.prob) for s in segments if s.word[0] not in "<[+"]
    _write(json.dumps(words))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
