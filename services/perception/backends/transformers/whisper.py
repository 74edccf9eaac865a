"""Hears words with Whisper (Radford et al. 2022), stretches of several persons in one batch."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from empatheia.perception.v1 import perception_pb2
from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

from runtime.batching import Batcher
from services.perception.backends import Hearing
from services.perception.backends.transformers.loading import companion, load
from services.perception.recording import SAMPLE_RATE, Floats

_TOKENS_A_SECOND = 12
_LEAST_TOKENS = 16


@dataclass(frozen=True)
class Word:
    """A word in its stretch."""

    text: str
    start_s: float
    end_s: float
    confidence: float


class Whisper:
    """The model; stretches are 12 s at most, so each fits its window of 30 s."""

    def __init__(self, name: str, device: torch.device, most: int) -> None:
        """Loads it; errors as for `loading.load`."""
        self._processor = companion("asr", name, AutoProcessor.from_pretrained)
        self._model = load("asr", name, AutoModelForSpeechSeq2Seq.from_pretrained, device)
        self._device = device
        self._aligned = bool(getattr(self._model.generation_config, "alignment_heads", None))
        self.batcher: Batcher[Floats, list[Word]] = Batcher(self._run, most, "whisper")

    def _run(self, stretches: list[Floats]) -> Sequence[list[Word]]:
        inputs = self._processor(
            stretches, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True
        )
        # A stretch's own bound, so that its words don't depend on what else is in the batch.
        most = [self._most_tokens(stretch) for stretch in stretches]
        more = {"language": "en", "task": "transcribe"} if self._multilingual() else {}
        with torch.inference_mode():
            out = self._model.generate(
                inputs.input_features.to(self._device),
                attention_mask=inputs.attention_mask.to(self._device),
                return_dict_in_generate=True,
                output_scores=True,
                return_token_timestamps=self._aligned,
                max_new_tokens=max(most),
                do_sample=False,
                **more,
            )
            sure = torch.stack(out.scores, dim=1).float().softmax(dim=-1)
        count = sure.shape[1]
        rows = out.sequences[:, -count:].cpu()
        chosen = sure.cpu().gather(2, rows.unsqueeze(-1)).squeeze(-1).numpy()
        times = out.token_timestamps[:, -count:].cpu().numpy() if self._aligned else None
        return [
            self._words(
                row.tolist()[: most[i]],
                chosen[i],
                None if times is None else times[i],
                len(stretches[i]) / SAMPLE_RATE,
            )
            for i, row in enumerate(rows)
        ]

    def _most_tokens(self, stretch: Floats) -> int:
        spoken = _LEAST_TOKENS + round(_TOKENS_A_SECOND * len(stretch) / SAMPLE_RATE)
        return min(int(self._model.config.max_target_positions) - 8, spoken)

    def _multilingual(self) -> bool:
        return bool(getattr(self._model.generation_config, "is_multilingual", False))

    def _words(self, tokens: list[int], sure: Floats, ends: Floats | None, length_s: float) -> list[Word]:
        """Joins tokens to words: a word begins with a space."""
        tokenizer = self._processor.tokenizer
        special = set(tokenizer.all_special_ids)
        kept = [i for i, token in enumerate(tokens) if token not in special and token < tokenizer.vocab_size]
        groups: list[list[int]] = []
        for i in kept:
            piece = tokenizer.decode([tokens[i]])
            if not groups or piece.startswith(" "):
                groups.append([])
            groups[-1].append(i)
        words = []
        for number, group in enumerate(groups):
            text = tokenizer.decode([tokens[i] for i in group]).strip()
            if not text:
                continue
            if ends is None:  # Nothing is known of times: evenly over the stretch.
                start, end = number / len(groups), (number + 1) / len(groups)
                start, end = start * length_s, end * length_s
            else:
                start, end = float(ends[group[0] - 1]) if group[0] else 0.0, float(ends[group[-1]])
            start = min(max(0.0, start), length_s)
            end = min(max(start, end), length_s)
            words.append(Word(text, start, end, float(np.exp(np.log(sure[group] + 1e-9).mean()))))
        return words


class WhisperHearing(Hearing):
    """Hears one utterance: each stretch once it is over, while the next is spoken."""

    def __init__(self, whisper: Whisper) -> None:
        """Starts with nothing heard."""
        self._whisper = whisper
        self._start_s = 0.0
        self._fed: list[Floats] = []
        self._asked: list[tuple[float, Future[list[Word]]]] = []

    def begin(self, start_s: float) -> None:
        """See `Track`."""
        self._start_s, self._fed = start_s, []

    def feed(self, samples: Floats) -> None:
        """See `Track`."""
        self._fed.append(samples)

    def end(self, keep: bool) -> None:
        """See `Track`."""
        if keep and self._fed:
            self._asked.append((self._start_s, self._whisper.batcher.submit(np.concatenate(self._fed))))
        self._fed = []

    def words(self, wait: bool) -> list[perception_pb2.HeardWord]:
        """See `Hearing`."""
        return [
            perception_pb2.HeardWord(
                text=word.text,
                start_s=start_s + word.start_s,
                end_s=start_s + word.end_s,
                confidence=word.confidence,
            )
            for start_s, heard in self._asked
            if wait or heard.done()
            for word in heard.result()
        ]
