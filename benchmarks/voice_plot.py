"""A picture of twelve voices: spectrograms of one sentence with the pitch on them."""

import warnings
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np

from benchmarks.voice import SENTENCES, spoken
from services.disentangler.tables import PORTRAYALS, profile_manner
from services.speech.backends.espeak_world import SAMPLE_RATE

mpl.use("Agg")
import matplotlib.pyplot as plt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyworld

_PROFILES = (("young", "female", "mid"), ("middle-aged", "male", "low"), ("child", "female", "mid"))
_EMOTIONS = ("neutral", "happy", "sad", "fear")


def draw(path: Path) -> None:
    """Draws three profiles by four emotions on one scale of time; pitch is on the right-hand scale."""
    figure, axes = plt.subplots(len(_EMOTIONS), len(_PROFILES), figsize=(16, 11), sharex=True, sharey=True)
    for axis, (emotion, profile) in zip(axes.flat, product(_EMOTIONS, _PROFILES), strict=True):
        sound = spoken(SENTENCES[1], profile_manner(*profile).plus(PORTRAYALS[emotion])).samples
        axis.specgram(sound + 1e-7, NFFT=512, Fs=SAMPLE_RATE, noverlap=384, cmap="magma", vmin=-130, vmax=-45)
        axis.set_ylim(0, 8000)
        axis.set_title(f"{' '.join(profile)}, {emotion}", fontsize=10)
        f0, times = pyworld.dio(sound, SAMPLE_RATE, f0_floor=55, f0_ceil=500)
        f0 = pyworld.stonemask(sound, f0, times, SAMPLE_RATE)
        pitch = axis.twinx()
        pitch.plot(times, np.where(f0 > 0, f0, np.nan), color="cyan", linewidth=2)
        pitch.set_ylim(50, 450)
    for axis in axes[-1]:
        axis.set_xlabel("seconds")
    for axis in axes[:, 0]:
        axis.set_ylabel("hertz")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=55)
    plt.close(figure)
