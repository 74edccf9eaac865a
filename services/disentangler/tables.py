"""The tables of the rules backend: what each emotion, each answer to it and each profile does.

Directions come from the literature; the sizes are this project's own choice, made so that the difference is
heard and seen without caricature.

Voice: Juslin & Laukka (2003), "Communication of emotions in vocal expression and music performance",
Psychological Bulletin 129, table 11 (rate, intensity, pitch, pitch variability and high-frequency
energy of anger, fear, happiness, sadness and tenderness); Banse & Scherer (1996), "Acoustic profiles in vocal
emotion expression" (disgust, contempt; fear that is not dull); Schröder (2001), "Emotional speech synthesis:
a review" (surprise, and that pitch range and tempo carry most). Where these disagree or say little (fear's
brightness, disgust), acted speech was measured: RAVDESS, 12 actors at normal intensity. Pitch moves about as
far as theirs, so that one still hears who speaks. Concern is modelled as tenderness with some sadness.

Face: Ekman, Friesen & Hager (2002), "Facial Action Coding System", and EMFACS: the action units (AU) named
beside each row. AU9, AU14 and one-sided AU12 have no control here, so disgust and contempt are approximate.

Answers: people who feel heard are met with the same quality of feeling, not with the same emotion, where
theirs is hostile: Decety & Jackson (2004), "The functional architecture of human empathy", on keeping self
and other apart. Anger, disgust and contempt are never shown back. Anger is hot, and met with calm, lower and
slower than its own. Disgust is met with softness that keeps a little distance. Contempt is cool (Fischer &
Giner-Sorolla 2016, "Contempt: derogating others while keeping calm"): there is nothing to soothe, and it is
met with level interest.

Profile: Peterson & Barney (1952), formants of men, women and children; Hollien & Shipp (1972) and Linville
(2001), "Vocal Aging": pitch by age and gender, slower and less steady voice in age. Girls and boys: Perry,
Ohde & Ashmead (2001), "The acoustic bases for gender identification from children's voices": formants tell
them apart years before pitch does; Hasek, Singh & Murry (1980): boys' pitch is the lower one from about 7
on. Formants sink a little in age: Linville & Rother (2001).

All of it is cited from memory; the works themselves were not at hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.disentangler.controls import Face, Manner, Voice

PORTRAYALS: Mapping[str, Manner] = {
    "neutral": Manner(),
    "happy": Manner(  # AU6+12
        Voice(
            pitch_shift_st=2.0, pitch_range=0.6, rate=0.14, energy_db=2.0, spectral_tilt_db=1.0, pause=-0.3
        ),
        Face(smile=0.9, cheek_raise=0.75, brow_outer_up=0.15, head_motion=0.5, articulation=0.25),
    ),
    "surprised": Manner(  # AU1+2+5+26
        Voice(pitch_shift_st=2.3, pitch_range=0.8, rate=0.10, energy_db=1.5, spectral_tilt_db=0.8),
        Face(brow_inner_up=0.7, brow_outer_up=0.9, eye_openness=0.8, head_pitch=0.2, articulation=0.3),
    ),
    "angry": Manner(  # AU4+5+7+23
        Voice(
            pitch_shift_st=1.5, pitch_range=0.5, rate=0.15, energy_db=4.0, spectral_tilt_db=2.0, pause=-0.4
        ),
        Face(
            brow_down=0.95, frown=0.35, eye_openness=0.15, head_pitch=-0.15, head_motion=0.3, articulation=0.3
        ),
    ),
    "fear": Manner(  # AU1+2+4+5+20
        Voice(
            pitch_shift_st=2.6,
            pitch_range=-0.4,
            rate=0.15,
            energy_db=-1.5,
            breathiness=0.2,
            spectral_tilt_db=0.7,
            tremor=0.5,
        ),
        Face(
            brow_inner_up=0.9, brow_outer_up=0.4, brow_down=0.25, eye_openness=0.7, frown=0.3, blink_rate=0.7
        ),
    ),
    "sad": Manner(  # AU1+4+15
        Voice(
            pitch_shift_st=-1.6,
            pitch_range=-0.7,
            rate=-0.25,
            energy_db=-3.5,
            breathiness=0.45,
            spectral_tilt_db=-2.0,
            pause=0.5,
            tremor=0.1,
        ),
        Face(
            brow_inner_up=0.9,
            brow_down=0.15,
            frown=0.6,
            eye_openness=-0.35,
            gaze_down=0.45,
            head_pitch=-0.3,
            head_motion=-0.6,
            blink_rate=-0.2,
            articulation=-0.25,
        ),
    ),
    "disgusted": Manner(  # AU9+15+16, without AU9
        Voice(
            pitch_shift_st=-0.8,
            pitch_range=0.15,
            rate=-0.24,
            energy_db=0.5,
            breathiness=0.3,
            spectral_tilt_db=-0.6,
            pause=0.2,
            tremor=0.2,
        ),
        Face(brow_down=0.6, frown=0.65, eye_openness=-0.4, head_pitch=0.15, head_tilt=-0.15),
    ),
    "contempt": Manner(  # one-sided AU12+14, without its one side
        Voice(
            pitch_shift_st=-1.8, pitch_range=-0.4, rate=-0.08, energy_db=-1.5, spectral_tilt_db=0.4, pause=0.3
        ),
        Face(smile=0.5, frown=0.5, eye_openness=-0.35, head_pitch=0.35, brow_down=0.3, head_motion=-0.3),
    ),
}
"""Each emotion at full strength, as a person who feels it sounds and looks."""


@dataclass(frozen=True)
class Answer:
    """How a listener meets a feeling."""

    words: str
    """The attitude: "warm concern"."""
    shown: str
    """The emotion it comes nearest to."""
    strength: float
    """How strongly that emotion is shown when all is certain, 0 to 1."""
    manner: Manner
    """How it sounds and looks at full intensity."""


_WARM_CONCERN = Manner(
    Voice(
        pitch_shift_st=-1.2,
        pitch_range=-0.15,
        rate=-0.20,
        energy_db=-2.0,
        breathiness=0.30,
        spectral_tilt_db=-1.5,
        pause=0.4,
    ),
    Face(
        brow_inner_up=0.8,
        smile=0.18,
        cheek_raise=0.12,
        eye_openness=-0.12,
        head_tilt=0.45,
        head_pitch=-0.15,
        head_motion=-0.2,
        blink_rate=-0.1,
        articulation=-0.1,
    ),
)
_CALM_CONCERN = Manner(
    Voice(
        pitch_shift_st=-1.5,
        pitch_range=-0.25,
        rate=-0.15,
        energy_db=-1.0,
        breathiness=0.12,
        spectral_tilt_db=-1.0,
        pause=0.35,
    ),
    Face(
        brow_inner_up=0.6,
        smile=0.06,
        eye_openness=-0.05,
        head_tilt=0.3,
        head_pitch=-0.1,
        head_motion=-0.3,
        blink_rate=-0.1,
    ),
)
_SYMPATHY = Manner(
    Voice(
        pitch_shift_st=-0.7,
        pitch_range=-0.05,
        rate=-0.08,
        energy_db=-1.8,
        breathiness=0.25,
        spectral_tilt_db=-0.8,
        pause=0.2,
    ),
    Face(
        brow_inner_up=0.65,
        frown=0.12,
        smile=0.08,
        eye_openness=-0.1,
        head_tilt=0.25,
        head_pitch=0.05,
        head_motion=-0.15,
        blink_rate=0.1,
    ),
)
_LEVEL_INTEREST = Manner(
    Voice(pitch_shift_st=-0.3, pitch_range=0.2, rate=-0.1, energy_db=-0.3, spectral_tilt_db=-0.3, pause=0.3),
    Face(
        brow_inner_up=0.3, brow_outer_up=0.25, eye_openness=0.1, smile=0.12, head_tilt=0.2, head_motion=-0.1
    ),
)
_REASSURANCE = Manner(
    Voice(
        pitch_shift_st=-1.0,
        pitch_range=-0.1,
        rate=-0.18,
        energy_db=-1.0,
        breathiness=0.22,
        spectral_tilt_db=-1.2,
        pause=0.3,
    ),
    Face(brow_inner_up=0.6, smile=0.2, cheek_raise=0.1, head_tilt=0.3, head_motion=-0.1, articulation=-0.05),
)
_SHARED_JOY = Manner(
    Voice(pitch_shift_st=2.0, pitch_range=0.5, rate=0.08, energy_db=1.5, spectral_tilt_db=0.6, pause=-0.2),
    Face(smile=0.8, cheek_raise=0.65, brow_outer_up=0.2, head_tilt=0.1, head_motion=0.4, articulation=0.15),
)
_INTEREST = Manner(
    Voice(pitch_shift_st=1.2, pitch_range=0.45, rate=0.0, energy_db=0.5, breathiness=0.05),
    Face(brow_inner_up=0.4, brow_outer_up=0.6, eye_openness=0.35, smile=0.2, head_tilt=0.2, head_motion=0.25),
)
_ATTENTION = Manner(
    Voice(pitch_range=0.1, rate=-0.05, energy_db=-0.5, breathiness=0.1, spectral_tilt_db=-0.5),
    Face(brow_inner_up=0.15, brow_outer_up=0.1, smile=0.3, cheek_raise=0.15, head_tilt=0.15),
)

_GRAVE_CARE = Manner(
    Voice(
        pitch_shift_st=-1.0,
        pitch_range=-0.2,
        rate=-0.12,
        energy_db=-1.0,
        breathiness=0.18,
        spectral_tilt_db=-1.2,
        pause=0.35,
    ),
    Face(
        brow_inner_up=0.6,
        eye_openness=0.05,
        head_tilt=0.25,
        head_pitch=-0.1,
        head_motion=-0.35,
        blink_rate=-0.1,
        articulation=-0.05,
    ),
)

ANSWERS: Mapping[str, Answer] = {
    "happy": Answer("shared joy", "happy", 0.8, _SHARED_JOY),
    "surprised": Answer("interest", "surprised", 0.6, _INTEREST),
    "angry": Answer("calm concern", "sad", 0.4, _CALM_CONCERN),
    "fear": Answer("warm reassurance", "sad", 0.4, _REASSURANCE),
    "sad": Answer("warm concern", "sad", 0.6, _WARM_CONCERN),
    "disgusted": Answer("gentle sympathy", "sad", 0.35, _SYMPATHY),
    "contempt": Answer("level interest", "neutral", 0.4, _LEVEL_INTEREST),
}
"""By what the person feels."""

ATTENTION = Answer("friendly attention", "neutral", 0.5, _ATTENTION)
"""Where nothing is known of what the person feels."""

GRAVE = Answer("grave, gentle care", "sad", 0.4, _GRAVE_CARE)
"""Where somebody may be in danger: level, low and close, without a smile."""

NOUNS: Mapping[str, str] = {
    "happy": "joy",
    "surprised": "surprise",
    "angry": "anger",
    "fear": "fear",
    "sad": "sadness",
    "disgusted": "disgust",
    "contempt": "contempt",
}

AGES = ("child", "young", "middle-aged", "elderly")
GENDERS = ("female", "male")
TIMBRES = ("high", "mid", "low")

_PITCH_HZ: Mapping[str, Mapping[str, float]] = {
    "child": {"female": 252.0, "male": 228.0, "": 240.0},
    "young": {"female": 210.0, "male": 122.0, "": 165.0},
    "middle-aged": {"female": 195.0, "male": 112.0, "": 150.0},
    "elderly": {"female": 180.0, "male": 130.0, "": 155.0},
    "": {"female": 200.0, "male": 118.0, "": 160.0},
}
_FORMANT_SHIFT: Mapping[str, float] = {"female": 0.15, "male": 0.0, "": 0.08}
_CHILD_FORMANT_SHIFT: Mapping[str, float] = {"female": 0.21, "male": 0.155, "": 0.18}
"""log2. Women's formants lie some 17 % above men's (0.23), girls' a third (0.4), boys' 3 to 10 % below
girls'. A half to two thirds of that are taken: pitch and melody say the rest, and a machine that learned from
adults understands more (word error rate on 48 sentences: 0.46 at 0.21, 0.51 at 0.25)."""
_AGES: Mapping[str, Manner] = {
    "child": Manner(Voice(pitch_range=0.2, rate=-0.07), Face(head_motion=0.3)),
    "young": Manner(),
    "middle-aged": Manner(Voice(rate=-0.06, formant_shift=-0.03)),
    "elderly": Manner(
        Voice(rate=-0.16, breathiness=0.15, formant_shift=-0.05, pause=0.2, tremor=0.3),
        Face(head_motion=-0.2, articulation=-0.1),
    ),
    "": Manner(),
}
_TIMBRES: Mapping[str, Voice] = {
    "high": Voice(formant_shift=0.025, spectral_tilt_db=0.8),
    "mid": Voice(),
    "low": Voice(formant_shift=-0.04, spectral_tilt_db=-0.7),
    "": Voice(),
}
_TIMBRE_PITCH: Mapping[str, float] = {"high": 1.1, "mid": 1.0, "low": 0.89, "": 1.0}

_CHILD_TIMBRE = 0.5
"""Children's timbres lie nearer together in pitch and formants: machines that learned from adults hardly
understand the highest."""


def profile_manner(age: str, gender: str, timbre: str) -> Manner:
    """How a person of this profile sounds and moves, whatever they feel; empty labels are unknown."""
    child = age == "child"
    colour = _TIMBRES[timbre]
    share = _CHILD_TIMBRE if child else 1.0
    formants = (_CHILD_FORMANT_SHIFT if child else _FORMANT_SHIFT)[gender] + share * colour.formant_shift
    body = Voice(
        base_pitch_hz=_PITCH_HZ[age][gender] * _TIMBRE_PITCH[timbre] ** share,
        formant_shift=formants,
        spectral_tilt_db=colour.spectral_tilt_db,
    )
    return Manner(body).plus(_AGES[age])
