"""What can be measured of a reply's sound: traits of the voice, and whether the video carries the same."""

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, resample_poly

from benchmarks.agreement import words
from benchmarks.av_offset import Film, mono
from services.perception.listening import speech_spans
from services.perception.modalities import prosody
from services.perception.recording import SAMPLE_RATE
from services.speech.loudness import loudness

Floats = NDArray[np.float64]

_SEARCH_S = 0.5


def read_wav(path: Path) -> tuple[Floats, int]:
    """Decodes a sound file to one channel.

    Returns:
        Samples, full scale 1, and their rate.
    """
    with av.open(str(path)) as file:
        rate = int(file.streams.audio[0].rate)
        return np.concatenate([mono(frame) for frame in file.decode(audio=0)]), rate


def voice_traits(path: Path, text: str) -> dict[str, float]:
    """Measures a voice.

    Returns:
        `pitch_st`: median in semitones above 55 Hz; `pitch_range_st`: from the 10th to the 90th percentile;
        `letters_per_s` while it speaks; `loudness_lufs` (ITU-R BS.1770). NaN where nothing is voiced.
    """
    sound, rate = read_wav(path)
    low = resample_poly(sound, SAMPLE_RATE, rate).astype(np.float32)
    pitch = prosody.contours(low)[:, 0]
    voiced = pitch[pitch > 0]
    low_st, middle_st, high_st = np.percentile(voiced, (10, 50, 90)) if len(voiced) else (np.nan,) * 3
    spoken_s = sum(span.end_s - span.start_s for span in speech_spans(low))
    letters = sum(map(len, words(text)))
    return {
        "pitch_st": float(middle_st),
        "pitch_range_st": float(high_st - low_st),
        "letters_per_s": letters / spoken_s if spoken_s else float("nan"),
        "loudness_lufs": loudness(sound, rate),
    }


def sound_difference(wav: Path, film: Film) -> tuple[float, float, float]:
    """Compares a reply's sound with that of its video.

    Returns:
        Correlation at the best shift of up to 0.5 s; that shift in milliseconds, positive where the video's
        sound is later; how much longer the video is, in seconds.
    """
    sound, rate = read_wav(wav)
    other = film.sound if film.rate == rate else resample_poly(film.sound, rate, film.rate)
    step = float(np.median(np.diff(film.times))) if len(film.times) > 1 else 0.0
    longer = max(float(film.times[-1]) + step, len(film.sound) / film.rate) - len(sound) / rate
    best, shift = same(sound, other, rate)
    return best, 1000 * shift, longer


def same(first: Floats, second: Floats, rate: int) -> tuple[float, float]:
    """Finds the shift at which two sounds correlate best.

    Returns:
        The correlation there, and the shift in seconds, positive where the second is later.
    """
    length = max(len(first), len(second))
    a, b = (np.pad(sound - sound.mean(), (0, length - len(sound))) for sound in (first, second))
    size = np.sqrt((a @ a) * (b @ b))
    if size == 0:
        return 0.0, 0.0
    reach = min(round(_SEARCH_S * rate), length - 1)
    fits = correlate(b, a, method="fft")[length - 1 - reach : length + reach] / size
    best = int(np.argmax(fits))
    return float(fits[best]), (best - reach) / rate
