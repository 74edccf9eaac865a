"""Any text-to-waveform model of transformers (VITS, Pocket TTS and others), sentence by sentence.

The model decides how long a sentence takes, so the plan's times are scaled evenly to the length of its sound:
transformers gives a waveform, but no times of words. Of the style, loudness is used everywhere and speed
where the model has a `speaking_rate`; pitch and timbre are the model's own.
"""

import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from empatheia.common.v1 import content_pb2, service_pb2
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.signal import resample_poly
from transformers import AutoConfig, AutoModelForTextToWaveform, AutoProcessor, TextToAudioPipeline, pipeline

from runtime.errors import Internal, InvalidInput, WeightsMissing
from services.speech.backends import Manner, SpeechBackend, Take
from services.speech.loudness import loudness
from services.speech.timing import Timeline, as_spoken

SAMPLE_RATE = 24000
_BLOCK = SAMPLE_RATE // 2
_CEILING = 0.95


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1)
    """Folder of a saved model, or the hub id of one that is on this machine."""
    language: str = "en-us"
    """BCP 47 tag, in lower case, of the language that the model speaks."""
    device: str = "cpu"
    """As torch names it."""
    loudness_lufs: float = Field(-23.0, ge=-40.0, le=-14.0)
    """Loudness of a segment before its style's `energy_db`."""


class TransformersBackend(SpeechBackend):
    """See the module."""

    sample_rate = SAMPLE_RATE

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Loads the model; nothing is fetched.

        Raises:
            pydantic.ValidationError: An option is unknown, missing or out of range.
            InvalidInput: The model does not make speech from text.
            WeightsMissing: The model is not on this machine, or not whole.
        """
        self._options = Options.model_validate(options)
        self.languages = (self._options.language,)
        self._pipeline = _load(self._options)
        self.model = service_pb2.ModelInfo(backend="transformers", model_id=self._options.model)
        # torch has one random state: a sentence is made alone, so that the same seed gives the same sound.
        self._lock = threading.Lock()

    def speak(self, segment: content_pb2.ContentSegment, manner: Manner, stopped: threading.Event) -> Take:
        """See `SpeechBackend.speak`."""
        controls = manner.style.voice
        if any(phoneme.ipa for phoneme in segment.phonemes):
            sound = self._sound(segment, manner, stopped)
        else:
            sound = np.zeros(round(segment.duration_s * SAMPLE_RATE))
        pause = round(segment.pause_s * 2.0 ** (controls.pause - controls.rate) * SAMPLE_RATE)
        duration = len(sound) / SAMPLE_RATE
        planned = np.array([0.0, *(p.end_s for p in segment.phonemes)])
        line = Timeline(planned, planned * (duration / planned[-1]) if planned[-1] else planned)
        spoken = as_spoken(segment, line, duration, pause / SAMPLE_RATE)
        samples = np.concatenate([np.round(sound * 32767).astype(np.int16), np.zeros(pause, np.int16)])
        return Take(spoken, _blocks(samples, stopped))

    def _sound(
        self, segment: content_pb2.ContentSegment, manner: Manner, stopped: threading.Event
    ) -> NDArray[np.float64]:
        """The segment at the contract's rate and its loudness, (samples,)."""
        controls = manner.style.voice
        rate = getattr(self._pipeline.model, "speaking_rate", None)
        parameters = {"speaking_rate": rate * 2.0**controls.rate} if isinstance(rate, float | int) else {}
        with self._lock:
            if stopped.is_set():
                return np.zeros(0)
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(
                    int(np.random.SeedSequence([manner.seed, segment.index]).generate_state(1)[0])
                )
                made = self._pipeline(segment.text, forward_params=parameters)
        sound = np.asarray(made["audio"], np.float64).reshape(-1)
        if not len(sound) or not np.isfinite(sound).all():
            raise Internal(
                f"{self._options.model} made no sound of segment {segment.index}: no samples, or not numbers",
                reason="BAD_AUDIO",
            )
        common = math.gcd(SAMPLE_RATE, made["sampling_rate"])
        sound = resample_poly(sound, SAMPLE_RATE // common, made["sampling_rate"] // common)
        measured = loudness(sound, SAMPLE_RATE)
        if measured > -math.inf:
            sound = sound * 10 ** ((self._options.loudness_lufs - measured + controls.energy_db) / 20)
        peak = float(np.abs(sound).max())
        levelled: NDArray[np.float64] = sound * min(1.0, _CEILING / peak) if peak else sound
        return levelled


def _load(options: Options) -> TextToAudioPipeline:
    """The model with all that turns text into its input."""
    name = options.model
    try:
        config = AutoConfig.from_pretrained(name, local_files_only=True)
        known = AutoModelForTextToWaveform._model_mapping
        if type(config) not in known:
            families = ", ".join(sorted({kind.model_type for kind in known}))
            raise InvalidInput.of(
                "services.speech.options.model",
                f"{name} is a {config.model_type}, which does not speak; name a model of: {families}",
                reason="WRONG_MODEL",
            )
        model, report = AutoModelForTextToWaveform.from_pretrained(
            name, local_files_only=True, output_loading_info=True
        )
        if report["missing_keys"]:
            first = min(report["missing_keys"])
            raise OSError(f"{len(report['missing_keys'])} of its weights are missing, among them {first}")
        reader = AutoProcessor.from_pretrained(name, local_files_only=True)  # type: ignore[no-untyped-call]
        tokenizer = getattr(reader, "tokenizer", reader)
        made: TextToAudioPipeline = pipeline(
            "text-to-audio",
            model=model.eval(),
            tokenizer=tokenizer,
            processor=None if tokenizer is reader else reader,
            device=options.device,
        )
    except (OSError, ValueError) as error:
        is_path = Path(name).expanduser().is_absolute() or name.startswith(".") or Path(name).is_dir()
        todo = "save the whole model there" if is_path else f"run: hf download {name}"
        why = str(error).strip().partition("\n")[0]
        raise WeightsMissing(
            f"the speech model {name} can't be loaded ({why}); {todo}", reason="WEIGHTS_MISSING"
        ) from error
    return made


def _blocks(samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[NDArray[np.int16]]:
    for start in range(0, len(samples), _BLOCK):
        if stopped.is_set():
            return
        yield samples[start : start + _BLOCK]
