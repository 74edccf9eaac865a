"""A picture of twelve voices: spectrograms of one sentence with the pitch on them."""

import warnings
from collections.abc import Mapping
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.voice import SENTENCES, spoken
from services.disentangler.tables import AGES, PORTRAYALS, profile_manner
from services.speech.backends.espeak_world import SAMPLE_RATE

mpl.use("Agg")
import matplotlib.pyplot as plt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyworld

Floats = NDArray[np.float64]

_PROFILES = (("young", "female", "mid"), ("middle-aged", "male", "low"), ("child", "female", "mid"))
_AGE_COLOURS = ("tab:orange", "tab:blue", "tab:green", "tab:purple")
_OFFSET = "offset points"
_EMOTIONS = ("neutral", "happy", "sad", "fear")


def draw(path: Path) -> None:
    """Draws three profiles by four emotions on one scale of time; pitch is on the right-hand scale."""
    figure, axes = plt.subplots(len(_EMOTIONS), len(_PROFILES), figsize=(16, 11), sharex=True, sharey=True)
    for axis, (emotion, profile) in zip(axes.flat, product(_EMOTIONS, _PROFILES), strict=True):
        sound = spoken(SENTENCES[1], profile_manner(*profile).plus(PORTRAYALS[emotion])).samples
        _panel(axis, sound, SAMPLE_RATE, f"{' '.join(profile)}, {emotion}")
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    for axis in axes[:, 0]:
        axis.set_ylabel("hertz")
    _save(figure, path, 55)


def draw_one(path: Path, pcm: bytes, rate: int, title: str) -> None:
    """Draws spectrogram and pitch of one recording of 16-bit samples."""
    sound = np.frombuffer(pcm, "<i2") / 32768.0
    figure, axis = plt.subplots(figsize=(max(6.0, min(24.0, 2.5 * len(sound) / rate)), 4.5))
    _panel(axis, sound, rate, title)
    axis.set_xlabel("seconds")
    axis.set_ylabel("hertz")
    _save(figure, path, 90)


def draw_style(path: Path, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Draws pitch against brightness of all profiles, and what each emotion does to one of them."""
    figure, (who, how) = plt.subplots(1, 2, figsize=(13, 5.5))
    for name, row in rows.items():
        age, gender, timbre = name.rsplit(" ", 2) if "," not in name else ("", "", "")
        if not age:
            continue
        colour = _AGE_COLOURS[AGES.index(age)]
        who.scatter(row["pitch_hz"], row["tilt_db"], color=colour, marker="o" if gender == "female" else "s")
        who.annotate(timbre, (row["pitch_hz"], row["tilt_db"]), fontsize=7, xytext=(4, 2), textcoords=_OFFSET)
    for age, colour in zip(AGES, _AGE_COLOURS, strict=True):
        who.scatter([], [], color=colour, label=age)
    who.legend(title="round: female, square: male", fontsize=8)
    who.set_xlabel("median pitch, Hz")
    who.set_ylabel("1-5 kHz against 0.1-1 kHz, dB")
    prefix = "young female mid, "
    told: dict[tuple[float, float, float], list[str]] = {}
    for name, row in rows.items():
        if name.startswith(prefix):
            at = (row["pitch_hz"], row["syllables_per_s"], row["range_st"])
            told.setdefault(at, []).append(name.removeprefix(prefix))
    for (pitch, speed, spread), kinds in told.items():
        answers = kinds[0].startswith("answers")
        how.scatter(pitch, speed, s=30 * spread, color="tab:green" if answers else "tab:red", alpha=0.5)
        label = ", ".join([kinds[0], *(kind.removeprefix("answers ") for kind in kinds[1:])])
        how.annotate(label, (pitch, speed), fontsize=8, xytext=(6, 4), textcoords=_OFFSET)
    how.set_xlabel("median pitch, Hz (size: its range)")
    how.set_ylabel("syllables a second")
    how.set_title("one young woman: emotions shown (red), and answers to them (green)", fontsize=10)
    _save(figure, path, 70)


def _panel(axis: Axes, sound: Floats, rate: int, title: str) -> None:
    """A spectrogram to 8 kHz, and on it the pitch, on its own scale from 50 to 450 Hz."""
    axis.specgram(
        sound + np.random.default_rng(0).normal(0, 1e-6, len(sound)),
        NFFT=512,
        Fs=rate,
        noverlap=384,
        cmap="magma",
        vmin=-130,
        vmax=-45,
    )
    axis.set_ylim(0, 8000)
    axis.set_title(title, fontsize=10)
    f0, times = pyworld.dio(sound, rate, f0_floor=55, f0_ceil=500)
    f0 = pyworld.stonemask(sound, f0, times, rate)
    pitch = axis.twinx()
    pitch.plot(times, np.where(f0 > 0, f0, np.nan), color="cyan", linewidth=2)
    pitch.set_ylim(50, 450)


def _save(figure: Figure, path: Path, dpi: int) -> None:
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
    plt.close(figure)
