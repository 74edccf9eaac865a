"""StyleTTS2 as a way to speak planned segments."""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from empatheia.common.v1 import content_pb2, service_pb2, style_pb2
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from runtime.errors import InvalidInput
from runtime.espeak import voices
from services.speech.backends import Manner, SpeechBackend, Take
from services.speech.backends.styletts2.batching import Together
from services.speech.backends.styletts2.checkpoint import load
from services.speech.backends.styletts2.model import Reading, Timed
from services.speech.backends.styletts2.planning import Planner, Question
from services.speech.backends.styletts2.predictor import Melody
from services.speech.backends.styletts2.text import Symbol, phrased
from services.speech.backends.styletts2.voices import Voices, embed, read_shelf
from services.speech.loudness import limited, loudness
from services.speech.timing import Timeline, as_spoken

_SHORT_WORDS = 5
"""Under so many words a drawn style is noise now and then, at guidance over 1 most often."""
_VOICED_HZ = 10.0
_SILENCE_FRAMES = 2
_BATCH = 8
_FADE_S = 0.004
"""At the edges of a part that is not the only one."""


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    model: Path
    """Folder that a checkpoint was imported to."""
    reference: Path | None = None
    """WAV of the voice for calls that bring no style of their own."""
    styles: Path | None = None
    """Shelf of styles by emotion, age and gender; used before `reference`."""
    style: Literal["emotion", "S_s"] = "emotion"
    """Where a call's style comes from: the shelf or reference by its emotion, or its own S_s. That needs a
    disentangler that was taught this model's styles: the rules of the embedded one spread readable controls
    over as many numbers, which mean something else."""
    device: str = "cpu"
    batch: int | None = Field(None, ge=1, le=64)
    """Sentences of several calls that are planned together at most: 8 on a GPU, 1 on a CPU, where it would
    not pay. Over 1, rounding depends on who else speaks."""
    compile: bool = False
    """Fuses the heavy networks with torch.compile, which needs a C++ compiler (on a GPU: Triton) and makes
    the first sentences slow."""
    alpha: float = Field(0.3, ge=0.0, le=1.0)
    """Share of the drawn style in the timbre; the rest is the reference's."""
    beta: float = Field(0.7, ge=0.0, le=1.0)
    """Share of the drawn style in the prosody. With `alpha` 0 as well nothing is drawn."""
    diffusion_steps: int = Field(5, ge=2, le=100)
    embedding_scale: float = Field(1.0, ge=1.0, le=5.0)
    """Over 1: more of what the text suggests. Texts under 5 words are spoken in the reference's own style."""
    loudness_lufs: float = Field(-23.0, ge=-40.0, le=-14.0)
    """Loudness of a segment before its style's `energy_db`."""

    @model_validator(mode="after")
    def _has_a_voice(self) -> "Options":
        if self.reference is None and self.styles is None:
            raise ValueError("set `reference` (a WAV of the voice) or `styles` (a shelf of styles)")
        return self


@dataclass(frozen=True)
class _Part:
    """A phrase of up to 512 symbols on its way to sound."""

    symbols: Sequence[Symbol]
    reading: Reading
    timed: Timed
    frames: NDArray[np.int64]
    """How long each symbol lasts."""


class StyleTTS2Backend(SpeechBackend):
    """See the module."""

    languages = voices()
    notices = (
        "StyleTTS2's public weights: listeners must be told that the speech is synthetic, "
        "unless the owner of the voice agreed",
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads model and voices.

        Raises:
            pydantic.ValidationError: An option is missing, unknown or out of range.
            WeightsMissing: The folder holds no model.
            InvalidInput: Model, reference or styles can't be used.
        """
        self._options = Options.model_validate(options)
        self._model, digest = load(self._options.model.expanduser(), self._options.device)
        self._config = self._model.config
        if self._options.compile:
            self._model.fuse()
        own = self._options
        planner = Planner(self._model, own.device, own.alpha, own.beta, own.embedding_scale)
        batch = own.batch or (1 if own.device == "cpu" else _BATCH)
        self._plan = Together(planner.plan, batch) if batch > 1 else lambda asked: planner.plan([asked])[0]
        self.sample_rate = self._config.sample_rate
        self._samples_per_frame = self._config.frame
        width = 2 * self._config.style
        shelf = read_shelf(self._options.styles.expanduser(), width) if self._options.styles else {}
        clip = self._options.reference
        reference = embed(self._model, clip.expanduser()).cpu() if clip else None
        self._voices = Voices(width, reference, shelf, learned=self._options.style == "S_s")
        if self._voices.empty:
            raise InvalidInput.of(
                str(self._options.styles), "has no style `neutral/any/any`; add one, or set `reference`"
            )
        self.model = service_pb2.ModelInfo(
            backend="styletts2", model_id=f"StyleTTS2 in {self._options.model.name}", weight_hash=digest[:16]
        )

    def speak(self, segment: content_pb2.ContentSegment, manner: Manner, stopped: threading.Event) -> Take:
        """See `SpeechBackend.speak`."""
        controls = manner.style.voice
        pause_s = segment.pause_s * 2.0 ** (controls.pause - controls.rate)
        if not any(phoneme.ipa for phoneme in segment.phonemes):
            return self._silence(segment, pause_s)
        rng = np.random.default_rng([manner.seed, segment.index])
        chosen = self._voices.choose(manner.style, manner.profile)
        cut = phrased(segment, self._config.bert.positions)
        tokens = [[symbol.id for symbol in part] for part in cut]
        plan = self._plan(Question(tokens, chosen.style, self._noise(len(segment.words), rng)))
        rate = 1.0 if chosen.expressive else 2.0**controls.rate
        work = [
            _Part(part, reading, times, _frames(times.durations[0], rate))
            for part, reading, times in zip(cut, plan.readings, plan.timed, strict=True)
        ]
        frame_s = self._samples_per_frame / self.sample_rate
        spoken, end_s = _timed(segment, work, frame_s)
        total_s = sum(int(part.frames.sum()) for part in work) * frame_s
        pause = round(max(pause_s, total_s - end_s) * self.sample_rate)
        spoken.pause_s = pause / self.sample_rate
        length = round(end_s * self.sample_rate) + pause
        shaped = style_pb2.VoiceControls(energy_db=controls.energy_db) if chosen.expressive else controls
        return Take(spoken, self._sound(work, plan.style, shaped, length, rng, stopped))

    def _silence(self, segment: content_pb2.ContentSegment, pause_s: float) -> Take:
        pause = round(pause_s * self.sample_rate)
        samples = round(segment.duration_s * self.sample_rate)
        spoken = content_pb2.ContentSegment()
        spoken.CopyFrom(segment)
        spoken.duration_s, spoken.pause_s = samples / self.sample_rate, pause / self.sample_rate
        return Take(spoken, iter([np.zeros(samples + pause, np.int16)]))

    def _noise(self, words: int, rng: np.random.Generator) -> Tensor | None:
        """What a style is drawn from; None where the chosen one is kept."""
        options = self._options
        if words < _SHORT_WORDS or options.alpha == options.beta == 0:
            return None
        shape = (options.diffusion_steps, 1, 1, 2 * self._config.style)
        return torch.from_numpy(rng.standard_normal(shape, np.float32))

    def _normal(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Tensor:
        """Drawn on the CPU, so that a seed means the same on every device."""
        return torch.from_numpy(rng.standard_normal(shape, np.float32)).to(self._options.device)

    def _sound(
        self,
        work: Sequence[_Part],
        style: Tensor,
        controls: style_pb2.VoiceControls,
        length: int,
        rng: np.random.Generator,
        stopped: threading.Event,
    ) -> Iterator[NDArray[np.int16]]:
        """The samples, part by part; a part is whole or not there, since its norms run over all of it."""
        gain, sent = None, 0
        for part in work:
            wave = self._wave(part, style, controls, rng, stopped)
            if wave is None:
                return
            if gain is None:
                measured = loudness(wave, self.sample_rate)
                wanted = self._options.loudness_lufs + controls.energy_db
                gain = 1.0 if measured == -math.inf else 10 ** ((wanted - measured) / 20)
            if len(work) > 1:
                _fade(wave, round(_FADE_S * self.sample_rate))
            sent += len(wave)
            yield limited(wave * gain)
        yield np.zeros(max(0, length - sent), np.int16)

    def _wave(
        self,
        part: _Part,
        style: Tensor,
        controls: style_pb2.VoiceControls,
        rng: np.random.Generator,
        stopped: threading.Event,
    ) -> NDArray[np.float64] | None:
        """Sound of a part, padded to whole frames; None once nobody listens."""
        frames = torch.from_numpy(part.frames).to(style.device)
        samples = int(part.frames.sum()) * self._samples_per_frame
        noise = self._normal(rng, (1, samples, self._config.decoder.harmonics + 1))
        with torch.inference_mode():
            melody = self._model.melody(part.timed, frames, style)
            melody = Melody(_moved(melody.pitch, controls), melody.energy)
            steps = self._model.sound(part.reading, frames, melody, style, noise)
        while True:
            if stopped.is_set():
                return None
            # Inference mode is the thread's, and must not be left on while others run in it.
            with torch.inference_mode():
                step = next(steps, None)
            if step is None:
                break
            last = step
        wave = last.cpu().numpy().astype(np.float64)
        return np.pad(wave, (0, samples - len(wave)))


def _fade(wave: NDArray[np.float64], length: int) -> None:
    """Fades both ends, in place."""
    rise = (np.arange(length) + 0.5) / length
    wave[:length] *= rise
    wave[-length:] *= rise[::-1]


def _frames(durations: Tensor, rate: float) -> NDArray[np.int64]:
    """Whole frames for each symbol, at least one; `rate` over 1 is faster."""
    return (durations / rate).round().clamp_min(1).long().cpu().numpy()


def _moved(pitch: Tensor, controls: style_pb2.VoiceControls) -> Tensor:
    """Moves the voiced pitch and widens its range about its median."""
    voiced = pitch > _VOICED_HZ
    if not (controls.pitch_shift_st or controls.pitch_range) or not bool(voiced.any()):
        return pitch
    middle = pitch[voiced].median()
    moved = middle * (pitch.clamp_min(_VOICED_HZ) / middle) ** (2.0**controls.pitch_range)
    moved = (moved * 2.0 ** (controls.pitch_shift_st / 12)).clamp(_VOICED_HZ + 1, 1000.0)
    return torch.where(voiced, moved, pitch)


def _timed(
    segment: content_pb2.ContentSegment, work: Sequence[_Part], frame_s: float
) -> tuple[content_pb2.ContentSegment, float]:
    """The plan with the times that the durations give, and when its last sound ends.

    Silence before the first sound becomes a pause of its own; what comes after the last belongs to the pause
    after the segment.
    """
    count = len(segment.phonemes)
    lengths = np.zeros(count + 2)
    for part in work:
        np.add.at(lengths, [symbol.owner + 1 for symbol in part.symbols], part.frames * frame_s)
    lead = float(lengths[0])
    if lead < _SILENCE_FRAMES * frame_s or not segment.phonemes[0].ipa:
        lengths[1], lead = lengths[1] + lead, 0.0
    ends = lead + np.cumsum(lengths[1 : count + 1])
    planned = np.array([0.0, *(phoneme.end_s for phoneme in segment.phonemes)])
    line = Timeline(planned, np.concatenate([[lead], ends]))
    spoken = as_spoken(segment, line, float(ends[-1]), segment.pause_s)
    for phoneme, start, end in zip(spoken.phonemes, line.spoken, ends, strict=False):
        phoneme.start_s, phoneme.end_s = float(start), float(end)
    if lead:
        sounds, shapes = list(spoken.phonemes), list(spoken.visemes)
        del spoken.phonemes[:], spoken.visemes[:]
        spoken.phonemes.add(ipa="", end_s=lead, word=-1)
        spoken.phonemes.extend(sounds)
        if shapes:
            spoken.visemes.add(name="sil", end_s=lead, weight=1.0)
            spoken.visemes.extend(shapes)
    return spoken, float(ends[-1])
