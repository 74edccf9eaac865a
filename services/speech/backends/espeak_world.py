"""espeak-ng's voice, taken apart and put together anew by the WORLD vocoder.

espeak-ng reads the text on one constant pitch. Since that pitch is known, WORLD (Morise et al. 2016) needs no
pitch tracker: CheapTrick gives the envelope and D4C the noise, which also tells voiced from voiceless. Then
everything that makes a voice is set anew: times by the plan and the style, melody by `prosody`, colour by
`timbre`. The work goes block by block, cut inside voiceless sounds, so that speech starts early.
"""

import math
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from empatheia.common.v1 import content_pb2, service_pb2
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.signal import resample_poly

from runtime.espeak import SOURCE_PITCH_HZ, Spoken, espeak, voices
from runtime.spoken_text import spoken_text
from services.speech.backends import Manner, SpeechBackend, Take
from services.speech.blocks import HOP, OVERLAP, Block, blocks, crossfaded
from services.speech.breath import add, breaths
from services.speech.hiss import coloured, kept
from services.speech.loudness import limited, loudness
from services.speech.phrases import phrases
from services.speech.prosody import FRAME_S, Melody, Sounding, melody
from services.speech.timbre import Timbre
from services.speech.timing import Timeline, as_spoken, source_times, timeline

with warnings.catch_warnings():
    # pyworld asks pkg_resources for its own version, which warns of its end.
    warnings.simplefilter("ignore")
    import pyworld

SAMPLE_RATE = 24000
_MOST_FORMANTS = 1.6
_MARGIN_S = 0.05
"""Sound around a stretch that WORLD's windows reach into."""
_CONTEXT = 8
"""Frames made on either side of a block, for the overlap and the vocoder's first pulse."""
_VOICED_BIN, _VOICED_BELOW = 43, 0.9
"""D4C sets the noise to 1 at all frequencies where it hears no voice; asked at 1 kHz."""
_REFERENCE = "We were away a year ago, and all our fears are over now."
_FADE_S = 0.006


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    loudness_lufs: float = Field(-23.0, ge=-40.0, le=-14.0)
    """Loudness of a segment before its style's `energy_db`."""


class EspeakWorldBackend(SpeechBackend):
    """See the module."""

    languages = voices()
    sample_rate = SAMPLE_RATE

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads espeak-ng and measures its voice.

        Raises:
            pydantic.ValidationError: An option is unknown or out of range.
        """
        self._options = Options.model_validate(options)
        model_id = f"espeak-ng {espeak().version} + WORLD (pyworld {pyworld.__version__})"
        self.model = service_pb2.ModelInfo(backend="espeak_world", model_id=model_id)
        source = _resampled(espeak().speak(_REFERENCE))
        power, noise = _analyse(source, np.arange(0, len(source) / SAMPLE_RATE, 4 * FRAME_S))
        self._reference = power[noise[:, _VOICED_BIN] < _VOICED_BELOW].mean(axis=0)

    def speak(self, segment: content_pb2.ContentSegment, manner: Manner, stopped: threading.Event) -> Take:
        """See `SpeechBackend.speak`."""
        controls = manner.style.voice
        rng = np.random.default_rng([manner.seed, segment.index])
        pause = round(segment.pause_s * 2.0 ** (controls.pause - controls.rate) * SAMPLE_RATE)
        line = timeline(segment.phonemes, controls.rate, controls.pause, rng)
        samples = round((float(line.spoken[-1]) or segment.duration_s) * SAMPLE_RATE)
        spoken = as_spoken(segment, line, samples / SAMPLE_RATE, pause / SAMPLE_RATE)
        if any(phoneme.ipa for phoneme in segment.phonemes):
            return Take(spoken, self._sound(segment, spoken, line, manner, rng, stopped))
        return Take(spoken, iter([np.zeros(samples + pause, np.int16)]))

    def _sound(
        self,
        segment: content_pb2.ContentSegment,
        spoken: content_pb2.ContentSegment,
        line: Timeline,
        manner: Manner,
        rng: np.random.Generator,
        stopped: threading.Event,
    ) -> Iterator[NDArray[np.int16]]:
        """The samples of a segment that has something to say, and of the pause after it."""
        controls = manner.style.voice
        total = round(spoken.duration_s * SAMPLE_RATE)
        frames = math.ceil(total / HOP) + 1
        planned = line.to_planned(np.arange(frames, dtype=np.float64) * FRAME_S)
        names = [word.text for word in segment.words]
        sounds = [
            Sounding(p.ipa, p.stress, p.start_s, p.end_s, names[p.word] if 0 <= p.word < len(names) else "")
            for p in spoken.phonemes
        ]
        tune = melody(sounds, segment.text, controls, frames, rng)
        timbre = Timbre(controls, self._reference, SAMPLE_RATE)
        wanted = 10 ** ((self._options.loudness_lufs + controls.energy_db) / 20)
        breath = list(breaths(sounds, controls.breathiness, wanted, spoken.pause_s, SAMPLE_RATE, rng))
        formants = min(_MOST_FORMANTS, 2.0**controls.formant_shift)
        cut = phrases(segment)
        starts = [round(sounds[phrase.first].start_s / FRAME_S) for phrase in cut]
        gain, position = None, 0
        for phrase, start, end in zip(cut, starts, [*starts[1:], frames], strict=True):
            reading = espeak().speak(spoken_text(phrase.text).text, voice=manner.language, formants=formants)
            phonemes = segment.phonemes[phrase.first : phrase.end]
            source = _Source(_resampled(reading), timbre)
            moments = np.interp(planned[start:end], *source_times(phonemes, reading.sounds))
            gain = gain or self._gain(source.samples, controls.energy_db)
            own = [sound.moved(-start * FRAME_S) for sound in sounds[phrase.first : phrase.end]]
            part = Melody(tune.pitch[start:end], tune.level[start:end])
            made = self._blocks(own, source, moments, part, timbre, stopped)
            done, length = 0, (end - start) * HOP
            for samples in crossfaded(made):
                if len(cut) > 1:
                    _fade(samples, done, length)
                done += len(samples)
                piece = samples[: total - position] * gain
                _fade(piece, position, total)
                add(breath, piece, position)
                position += len(piece)
                yield limited(piece)
        pause = np.zeros(round(spoken.pause_s * SAMPLE_RATE))
        if not stopped.is_set():
            add(breath, pause, total)
        yield limited(pause)

    def _blocks(
        self,
        sounds: Sequence[Sounding],
        source: "_Source",
        moments: NDArray[np.float64],
        tune: Melody,
        timbre: Timbre,
        stopped: threading.Event,
    ) -> Iterator[tuple[Block, NDArray[np.float64]]]:
        """The blocks of a phrase, until nobody listens."""
        for block in blocks(sounds, len(moments)):
            if stopped.is_set():
                return
            yield block, self._block(block, source, moments, tune, timbre)

    def _gain(self, source: NDArray[np.float64], energy_db: float) -> float:
        """Factor that brings the segment to its loudness."""
        measured = loudness(source, SAMPLE_RATE)
        if measured == -math.inf:
            return 1.0
        return float(10 ** ((self._options.loudness_lufs - measured + energy_db) / 20))

    def _block(
        self,
        block: Block,
        source: "_Source",
        moments: NDArray[np.float64],
        tune: Melody,
        timbre: Timbre,
    ) -> NDArray[np.float64]:
        """The samples of a block and of `OVERLAP` around its inner cuts."""
        wanted = np.clip(np.arange(block.start - _CONTEXT, block.end + _CONTEXT), 0, len(moments) - 1)
        places = moments[wanted] / FRAME_S
        first = int(places.min())
        grid = np.arange(first, int(places.max()) + 2, dtype=np.float64) * FRAME_S
        power, noise = _analyse(source.samples, grid)
        low = places.astype(int) - first
        share = (places - low - first)[:, None]
        envelope = np.exp((1 - share) * np.log(power[low]) + share * np.log(power[low + 1]))
        noise = (1 - share) * noise[low] + share * noise[low + 1]
        voiced = noise[:, _VOICED_BIN] < _VOICED_BELOW
        f0 = np.where(voiced, tune.pitch[wanted], 0.0)
        level = tune.level[wanted]
        samples = pyworld.synthesize(
            f0,
            np.ascontiguousarray(timbre.envelope(envelope, level)),
            np.ascontiguousarray(timbre.aperiodicity(noise)),
            SAMPLE_RATE,
            FRAME_S * 1000,
        )
        samples = kept(samples, source.hiss, np.round(moments[wanted] * SAMPLE_RATE).astype(int), voiced)
        samples *= 10 ** (np.interp(np.arange(len(samples)) / HOP, np.arange(len(level)), level) / 20)
        begin = _CONTEXT * HOP - (OVERLAP if block.start else 0)
        end = (_CONTEXT + block.end - block.start) * HOP + (0 if block.last else OVERLAP)
        cut: NDArray[np.float64] = samples[begin:end]
        return cut


class _Source:
    """What espeak-ng made of a phrase."""

    def __init__(self, samples: NDArray[np.float64], timbre: Timbre) -> None:
        self.samples = samples
        self.hiss = coloured(samples, timbre.hiss)
        """With the wanted tilt, for what is kept of it."""


def _resampled(reading: Spoken) -> NDArray[np.float64]:
    common = math.gcd(SAMPLE_RATE, reading.sample_rate)
    samples = reading.samples / 32768.0
    out: NDArray[np.float64] = resample_poly(samples, SAMPLE_RATE // common, reading.sample_rate // common)
    return out


def _analyse(
    source: NDArray[np.float64], moments: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power envelope and noise ratio of the source, each (moments, bins)."""
    start = max(0, int((moments[0] - _MARGIN_S) * SAMPLE_RATE))
    end = int((moments[-1] + _MARGIN_S) * SAMPLE_RATE)
    part = np.ascontiguousarray(np.pad(source[start:end], (0, max(0, end - max(start, len(source))))))
    times = moments - start / SAMPLE_RATE
    f0 = np.full(len(moments), float(SOURCE_PITCH_HZ))
    power = pyworld.cheaptrick(part, f0, times, SAMPLE_RATE)
    return power, pyworld.d4c(part, f0, times, SAMPLE_RATE)


def _fade(piece: NDArray[np.float64], position: int, total: int) -> None:
    """Fades the first and last milliseconds of a segment, in place."""
    length = int(_FADE_S * SAMPLE_RATE)
    at = np.arange(position, position + len(piece))
    piece *= np.clip(np.minimum(at, total - 1 - at) / length, 0.0, 1.0)
