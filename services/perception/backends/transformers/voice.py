"""Judges voices with any model of audio classification, and describes them with HuBERT or WavLM."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification

from runtime.batching import Batcher
from runtime.emotions import NEUTRAL
from services.perception.backends import Voice
from services.perception.backends.transformers.loading import classes_of, companion, hash_of, load
from services.perception.judgement import Judgement, Moment, absent, flatten_neutral, pooled, spread
from services.perception.recording import SAMPLE_RATE, Floats

_BUCKET = SAMPLE_RATE // 2


@dataclass(frozen=True)
class Heard:
    """What the models say of a stretch."""

    classes: dict[str, float]
    """Probability by class, neutral among them."""
    vector: Floats
    """(D,), mean of the encoder's last layer over time."""


class VoiceModels:
    """A frozen encoder and a classifier."""

    def __init__(self, encoder: str, emotion: str, device: torch.device, most: int) -> None:
        """Loads them; errors as for `loading.load` and `loading.classes_of`."""
        self._device = device
        self._encoder = load("speech_encoder", encoder, AutoModel.from_pretrained, device)
        self._encoder_input = companion("speech_encoder", encoder, AutoFeatureExtractor.from_pretrained)
        self._emotion = load(
            "speech_emotion", emotion, AutoModelForAudioClassification.from_pretrained, device
        )
        self._emotion_input = companion("speech_emotion", emotion, AutoFeatureExtractor.from_pretrained)
        self._classes = classes_of("speech_emotion", self._emotion.config.id2label)
        self.width = int(self._encoder.config.hidden_size)
        self.name, self.hash = emotion, hash_of(emotion)
        self.batcher: Batcher[Floats, Heard] = Batcher(self._run, most, "voice")

    def _run(self, stretches: list[Floats]) -> Sequence[Heard]:
        """Runs stretches of about the same length together.

        Most of these models were trained without a mask for padding, so what a stretch is padded to changes
        the result: here it is the next half second, whatever else is in the batch.
        """
        lengths = [max(1, -(-len(stretch) // _BUCKET)) * _BUCKET for stretch in stretches]
        heard: dict[int, Heard] = {}
        for length in sorted(set(lengths)):
            chosen = [i for i, own in enumerate(lengths) if own == length]
            padded = [np.pad(stretches[i], (0, length - len(stretches[i]))) for i in chosen]
            heard.update(zip(chosen, self._alike(padded), strict=True))
        return [heard[i] for i in range(len(stretches))]

    def _alike(self, stretches: list[Floats]) -> list[Heard]:
        with torch.inference_mode():
            prepared = self._inputs(self._emotion_input, stretches)
            shares = self._emotion(**prepared).logits.float().softmax(dim=-1).cpu().numpy()
            prepared = self._inputs(self._encoder_input, stretches)
            vectors = self._encoder(**prepared).last_hidden_state.mean(dim=1).float().cpu().numpy()
        heard = []
        for row, vector in zip(shares.tolist(), vectors, strict=True):
            classes: dict[str, float] = {}
            for klass, share in zip(self._classes, row, strict=True):
                classes[klass] = classes.get(klass, 0.0) + share
            heard.append(Heard(classes, vector))
        return heard

    def _inputs(self, extractor: object, stretches: list[Floats]) -> dict[str, torch.Tensor]:
        prepared = extractor(  # type: ignore[operator]
            stretches, sampling_rate=SAMPLE_RATE, padding=True, return_tensors="pt"
        )
        return {key: value.to(self._device) for key, value in prepared.items()}


class PretrainedVoice(Voice):
    """Judges one utterance, stretch by stretch; a longer stretch counts for more."""

    def __init__(self, models: VoiceModels, reliability: float, softer: float) -> None:
        """Starts before the first stretch."""
        self._models = models
        self._reliability = reliability
        self._softer = softer
        self._start_s = 0.0
        self._fed: list[Floats] = []
        self._asked: list[tuple[float, float, Future[Heard]]] = []

    def begin(self, start_s: float) -> None:
        """See `Track`."""
        self._start_s, self._fed = start_s, []

    def feed(self, samples: Floats) -> None:
        """See `Track`."""
        self._fed.append(samples)

    def end(self, keep: bool) -> None:
        """See `Track`."""
        if keep and self._fed:
            sound = np.concatenate(self._fed)
            end_s = self._start_s + len(sound) / SAMPLE_RATE
            self._asked.append((self._start_s, end_s, self._models.batcher.submit(sound)))
        self._fed = []

    def judgement(self) -> Judgement:
        """See `Voice`."""
        if not self._asked:
            return absent("no voice found")
        heard = [(start, end, future.result()) for start, end, future in self._asked]
        mean, vector = pooled(
            [(end - start, one.classes, one.vector) for start, end, one in heard], self._softer
        )
        neutral = mean.pop(NEUTRAL, 0.0)
        top = max(mean, key=lambda klass: mean[klass])
        course = []
        for start, end, one in heard:
            classes, _ = pooled([(1.0, one.classes, one.vector)], self._softer)
            calm = classes.pop(NEUTRAL, 0.0)
            course.append(Moment(start, end, flatten_neutral(classes, calm)))
        best = max(course, key=lambda moment: moment.classes[top])
        return Judgement(
            labels=spread(flatten_neutral(mean, neutral)),
            evidence=(best.evidence("audio", top),),
            reliability=self._reliability,
            feature=vector[None],
            model_id=self._models.name,
            weight_hash=self._models.hash,
            word=NEUTRAL if neutral > mean[top] else top,
            course=tuple(course),
        )
