"""What the controls do to the sound, measured."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pyloudnorm
import pytest
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from runtime.espeak import espeak
from services.speech.blocks import HOP, OVERLAP, Block, blocks, crossfaded
from services.speech.loudness import loudness
from services.speech.prosody import Sounding
from services.speech.timing import source_times, timeline
from tests.speech.conftest import planned

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pyworld

RATE = 24000
TEXT = "We all were away for a long while, and now I am home."


def pitch_of(spoken):
    """Voiced pitch in hertz and the times of its frames."""
    samples = np.ascontiguousarray(spoken.samples)
    f0, times = pyworld.dio(samples, RATE, f0_floor=60, f0_ceil=450)
    f0 = pyworld.stonemask(samples, f0, times, RATE)
    return f0[f0 > 0], times[f0 > 0]


def octave_energy(spoken, low, high):
    power = np.abs(np.fft.rfft(spoken.samples)) ** 2
    hertz = np.fft.rfftfreq(len(spoken.samples), 1 / RATE)
    return 10 * math.log10(power[(hertz >= low) & (hertz < high)].sum())


@pytest.mark.parametrize("base", [100.0, 200.0, 300.0])
async def test_pitch_is_that_of_the_profile(speak, base):
    hertz, _ = pitch_of(await speak(planned(TEXT), voice={"base_pitch_hz": base}, seed=1))
    assert np.median(hertz) == pytest.approx(base, rel=0.06)


async def test_shift_and_range_move_the_melody(speak):
    plain, _ = pitch_of(await speak(planned(TEXT), seed=1))
    higher, _ = pitch_of(await speak(planned(TEXT), voice={"pitch_shift_st": 4}, seed=1))
    wider, _ = pitch_of(await speak(planned(TEXT), voice={"pitch_range": 0.8}, seed=1))
    flatter, _ = pitch_of(await speak(planned(TEXT), voice={"pitch_range": -1}, seed=1))

    def spread(hertz):
        low, high = np.percentile(12 * np.log2(hertz), [10, 90])
        return high - low

    assert 12 * math.log2(np.median(higher) / np.median(plain)) == pytest.approx(4, abs=0.7)
    assert spread(flatter) < 0.75 * spread(plain) < 0.75 * spread(wider)


async def test_statements_fall_and_questions_rise(speak):
    statement, question, why = [
        pitch_of(await speak(planned(text), voice={"base_pitch_hz": 150}, seed=2))[0]
        for text in ("You were alone.", "You were alone?", "Why were you alone?")
    ]

    def end(hertz):
        return 12 * math.log2(hertz[-8:].mean() / np.median(hertz))

    assert end(statement) < -1
    assert end(why) < -1
    assert end(question) > 1.5


async def test_rate_and_pause_stretch_time(speak):
    plain, slow, long_pauses = [
        (await speak(planned(TEXT), voice=voice)).segments[0] for voice in ({}, {"rate": -0.4}, {"pause": 1})
    ]

    def comma(segment):
        return max(p.end_s - p.start_s for p in segment.phonemes if not p.ipa)

    assert slow.duration_s / plain.duration_s == pytest.approx(2**0.4, rel=0.06)
    assert comma(long_pauses) == pytest.approx(2 * comma(plain), rel=0.02)
    assert long_pauses.pause_s == pytest.approx(0.6, abs=1e-3)


async def test_timbre_controls_colour_the_sound(speak):
    plain, dark, small = [
        await speak(planned(TEXT), voice=voice)
        for voice in ({}, {"spectral_tilt_db": -4}, {"formant_shift": 0.3})
    ]

    def brightness(spoken):
        return octave_energy(spoken, 2000, 4000) - octave_energy(spoken, 250, 500)

    def first_formant(spoken):
        return octave_energy(spoken, 550, 1000) - octave_energy(spoken, 250, 500)

    assert brightness(dark) < brightness(plain) - 5
    assert first_formant(small) > first_formant(plain) + 1


async def test_tremor_makes_the_pitch_waver(speak):
    def wavering(spoken):
        hertz, _ = pitch_of(spoken)
        steady = np.convolve(np.log2(hertz), np.ones(40) / 40, "same")
        return np.std((np.log2(hertz) - steady)[40:-40])

    plain, moved = [await speak(planned(TEXT), voice={"tremor": t}, seed=4) for t in (0, 1)]
    assert wavering(moved) > 1.15 * wavering(plain)


@pytest.mark.parametrize("voice", [{}, {"base_pitch_hz": 220, "formant_shift": 0.2, "breathiness": 0.4}])
async def test_loudness_is_even_and_bounded(speak, voice):
    for text in ("Oh, I see now.", TEXT):
        spoken = await speak(planned(text), voice=voice)
        assert loudness(spoken.samples, RATE) == pytest.approx(-23, abs=1.5)
        assert np.abs(spoken.samples).max() < 0.96
    loud = await speak(planned(TEXT), voice=voice | {"energy_db": 12})
    assert np.abs(loud.samples).max() < 0.96


def test_loudness_of_the_standard_tone():
    """BS.1770: a 997 Hz tone at full scale in one channel reads -3.01 LUFS."""
    for rate in (24000, 48000):
        tone = np.sin(2 * np.pi * 997 * np.arange(2 * rate) / rate)
        assert loudness(tone, rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(np.zeros(rate), rate) == -math.inf


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_loudness_agrees_with_pyloudnorm(rate):
    reading = espeak().speak(TEXT, pitch_range=50)
    samples = resample_poly(reading.samples / 32768, rate // 50, reading.sample_rate // 50)
    expected = pyloudnorm.Meter(rate).integrated_loudness(samples)
    assert loudness(samples, rate) == pytest.approx(expected, abs=0.2)


async def test_there_are_no_clicks_at_joins(speak, monkeypatch):
    plan = planned(TEXT + " So far, so good, she said to us at last.")
    spoken = await speak(plan, seed=1)
    sounds = [Sounding(p.ipa, p.stress, p.start_s, p.end_s) for p in spoken.segments[0].phonemes]
    cuts = [block.end * HOP for block in blocks(sounds, len(spoken.samples) // HOP)][:-1]
    assert len(cuts) >= 3
    monkeypatch.setattr("services.speech.blocks._FIRST_S", math.inf)
    whole = await speak(plan, seed=1)
    jumps, uncut = (np.abs(np.diff(s.samples)) for s in (spoken, whole))
    for cut in cuts:
        # Bursts are steep, so that a join is compared with the same sound without one.
        near = slice(cut - 4 * OVERLAP, cut + 4 * OVERLAP)
        assert jumps[cut - OVERLAP : cut + OVERLAP].max() < 1.2 * uncut[near].max() + 0.01


async def test_breath_is_taken_in_a_long_pause_and_heard_more_in_a_breathy_voice(speak):
    plan = planned("Well, I was there.")
    plain, breathy = [await speak(plan, voice={"pause": 2, "breathiness": b}, seed=1) for b in (0, 1)]

    def level(spoken, from_s, to_s):
        comma = next(p for p in spoken.segments[0].phonemes if not p.ipa and p.start_s)
        at = [int((t + (comma.start_s if t >= 0 else comma.end_s)) * RATE) for t in (from_s, to_s)]
        return 10 * math.log10(np.mean(spoken.samples[at[0] : at[1]] ** 2) + 1e-12)

    assert level(plain, -0.2, -0.1) > -75
    assert level(breathy, 0.07, 0.12) > level(plain, 0.07, 0.12) + 6


def test_speech_slows_down_before_a_pause():
    plan = planned("We saw a man, and then a man sang.")
    line = timeline(plan.phonemes, 0.0, 0.0, np.random.default_rng(0))
    stretched = np.diff(line.spoken) / np.diff(line.planned)
    ends = [i for i, p in enumerate(plan.phonemes[:-1]) if p.ipa and not plan.phonemes[i + 1].ipa]
    assert stretched[[*ends, -1]].mean() > stretched.mean() + 0.05


def test_blocks_cover_all_frames_and_cut_where_it_is_voiceless():
    sounds = [Sounding(ipa, 0, 0.15 * i, 0.15 * (i + 1)) for i, ipa in enumerate(["a", "s", "a", "m"] * 6)]
    found = list(blocks(sounds, 721))
    assert found[0].start == 0
    assert (found[-1].end, found[-1].last) == (721, True)
    assert len(found) > 3
    for before, after in pairwise(found):
        assert before.end == after.start
        assert sounds[int(after.start * 0.005 / 0.15)].ipa == "s"


def test_joins_of_equal_sound_leave_no_step():
    noise = np.random.default_rng(0).normal(0, 0.1, 40 * 120)
    cut = 20 * 120
    made = [
        (Block(0, 20, last=False), noise[: cut + OVERLAP].copy()),
        (Block(20, 40, last=True), noise[cut - OVERLAP :].copy()),
    ]
    joined = np.concatenate(list(crossfaded(iter(made))))
    assert len(joined) == len(noise)
    np.testing.assert_allclose(joined, noise, atol=1e-12)


def test_another_planners_sounds_are_found_in_the_source():
    plan = planned("I am home now.")
    sounds = espeak().speak("I am home now.").sounds
    for phoneme in plan.phonemes:
        phoneme.start_s *= 1.5
        phoneme.end_s *= 1.5
    plan.duration_s *= 1.5
    plan.phonemes[1].ipa = "ʌ"
    planned_s, source_s = source_times(plan.phonemes, sounds)
    assert np.all(np.diff(planned_s) >= 0)
    assert np.all(np.diff(source_s) >= 0)
    assert np.interp(plan.phonemes[4].start_s, planned_s, source_s) == pytest.approx(sounds[4].start_s)
    assert np.interp(plan.duration_s, planned_s, source_s) == pytest.approx(sounds[-1].end_s)


async def test_a_machine_understands_it_about_as_well_as_its_source(speak):
    texts = ("Congratulations on the new job.", "I can understand why you would be angry about that.")
    decoder = Decoder(samprate=16000, loglevel="FATAL", cmn="batch")

    def heard(text, samples, up, down):
        audio = np.pad(resample_poly(samples, up, down), 8000)
        audio *= 3500 / np.sqrt(np.mean(audio**2))
        # A recogniser trained on rooms stumbles over digital silence.
        audio += np.random.default_rng(0).normal(0, 3, len(audio))
        decoder.start_utt()
        decoder.process_raw(audio.astype(np.int16).tobytes(), full_utt=True)
        decoder.end_utt()
        words = decoder.hyp().hypstr.split()
        return sum(word in words for word in text.lower().strip(".").split())

    plain = ours = 0
    for text in texts:
        plain += heard(text, espeak().speak(text, pitch_range=50).samples / 32768, 320, 441)
        ours += heard(text, (await speak(planned(text), seed=1)).samples, 2, 3)
    assert ours >= 11
    assert ours >= plain - 2
