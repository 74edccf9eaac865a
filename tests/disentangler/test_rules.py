import math
from itertools import combinations

import numpy as np
import pytest
from empatheia.common.v1 import affect_pb2, dialogue_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.emotions import CLASSES
from runtime.errors import InvalidInput
from runtime.rpc import DISENTANGLE
from runtime.settings import load_settings
from runtime.tensors import to_array
from services.disentangler.service import DisentanglerService


@pytest.fixture
async def ask():
    service = DisentanglerService(load_settings())
    await service.start()
    transport = InProcessTransport({"disentangler": service})

    async def call(**fields):
        request = disentangler_pb2.DisentangleRequest(**fields)
        return await transport.unary(DISENTANGLE, request, CallKey("t", "disentangle"))

    return call


def feeling(name, confidence=0.9, arousal=0.0):
    rest = (1 - 0.7) / 6
    entries = [affect_pb2.LabelProbability(label=c, probability=0.7 if c == name else rest) for c in CLASSES]
    return affect_pb2.Affect(
        classes=affect_pb2.Distribution(entries=entries), confidence=confidence, arousal=arousal
    )


@pytest.mark.parametrize("felt", CLASSES)
async def test_hostile_feelings_are_never_mirrored(ask, felt):
    style = (await ask(affect=feeling(felt))).style
    assert style.emotion not in {"angry", "contempt", "disgusted"}
    assert style.face.brow_down <= 0.1
    assert 0 < style.intensity <= 1


async def test_each_hostile_feeling_is_shown_and_answered_in_a_way_of_its_own(ask):
    felt = ("angry", "disgusted", "contempt")
    for voices in (
        [(await ask(affect=feeling(name))).style.voice for name in felt],
        [(await ask(emotion_override=name)).style.voice for name in felt],
    ):
        for one, other in combinations(voices, 2):
            assert abs(one.rate - other.rate) > 0.04 or abs(one.pitch_range - other.pitch_range) > 0.2
            assert abs(one.energy_db - other.energy_db) > 0.5


async def test_girls_and_boys_differ_in_pitch_and_formants(ask):
    girl, boy = [
        (await ask(profile=dialogue_pb2.Profile(age="child", gender=gender, timbre="mid"))).style.voice
        for gender in ("female", "male")
    ]
    assert girl.base_pitch_hz > 1.08 * boy.base_pitch_hz
    assert girl.formant_shift > boy.formant_shift + 0.04


async def test_sadness_is_answered_softly_and_joy_brightly(ask):
    sad, happy = [await ask(affect=feeling(name)) for name in ("sad", "happy")]
    assert sad.rationale == "answers sadness with warm concern"
    assert happy.rationale == "answers joy with shared joy"
    for control in ("rate", "pitch_shift_st", "pitch_range", "energy_db", "spectral_tilt_db"):
        assert getattr(sad.style.voice, control) < 0 < getattr(happy.style.voice, control), control
    assert sad.style.voice.breathiness > happy.style.voice.breathiness
    assert sad.style.face.brow_inner_up > 0.5
    assert happy.style.face.smile > 0.5 > sad.style.face.smile
    assert sad.emotion.entries[0].label == "sad"


async def test_confidence_scales_the_strength(ask):
    weak, strong = [(await ask(affect=feeling("sad", c))).style for c in (0.1, 1.0)]
    assert weak.intensity < strong.intensity
    assert weak.face.brow_inner_up < strong.face.brow_inner_up


async def test_labels_serve_where_classes_are_missing(ask):
    labels = affect_pb2.Distribution(entries=[affect_pb2.LabelProbability(label="lonely", probability=1)])
    assert (await ask(affect=affect_pb2.Affect(labels=labels))).style.emotion == "sad"


async def test_unknown_feeling_gets_attention(ask):
    response = await ask()
    assert response.style.emotion == "neutral"
    assert "not known" in response.rationale
    assert {entry.probability for entry in response.emotion.entries} == {1 / 7}


async def test_profiles_differ_in_pitch_formants_and_age(ask):
    async def voice(age, gender, timbre):
        profile = dialogue_pb2.Profile(age=age, gender=gender, timbre=timbre)
        return (await ask(profile=profile)).style.voice

    woman, man = await voice("young", "female", "mid"), await voice("young", "male", "mid")
    child, old = await voice("child", "male", "mid"), await voice("elderly", "male", "mid")
    assert child.base_pitch_hz > woman.base_pitch_hz > 1.5 * man.base_pitch_hz
    assert child.formant_shift > woman.formant_shift > man.formant_shift
    assert old.tremor > man.tremor
    assert old.rate < man.rate
    high, low = await voice("young", "female", "high"), await voice("young", "female", "low")
    assert high.base_pitch_hz > woman.base_pitch_hz > low.base_pitch_hz


async def test_tensors_add_up_and_repeat(ask):
    fields = {"affect": feeling("sad"), "profile": dialogue_pb2.Profile(age="elderly", gender="female")}
    first, second = await ask(**fields), await ask(**fields)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    tensors = {t.name: to_array(t) for t in first.style.tensors}
    assert set(tensors) == {"E_s", "E_v", "P_s", "P_v", "S_s", "S_v"}
    assert all(t.shape == (256,) and t.dtype == np.float32 for t in tensors.values())
    np.testing.assert_allclose(tensors["S_s"], tensors["E_s"] + tensors["P_s"], atol=1e-6)
    assert np.abs(tensors["E_v"]).max() > 0.01


async def test_override_is_shown_as_asked(ask):
    response = await ask(affect=feeling("sad"), emotion_override="angry", intensity_override=0.5)
    assert (response.style.emotion, response.style.intensity) == ("angry", 0.5)
    assert response.style.face.brow_down == pytest.approx(0.475)
    assert (await ask(emotion_override="happy")).style.intensity == 1.0
    neutral = (await ask(emotion_override="neutral")).style
    assert neutral.face == style_pb2.FaceControls()
    assert neutral.emotion == "neutral"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"emotion_override": "bored"}, "emotion_override"),
        ({"emotion_override": "sad", "intensity_override": 1.5}, "intensity_override"),
        ({"intensity_override": math.nan}, "intensity_override"),
        ({"affect": affect_pb2.Affect(confidence=math.nan)}, "affect.confidence"),
        ({"affect": affect_pb2.Affect(arousal=-2)}, "affect.arousal"),
        ({"profile": dialogue_pb2.Profile(age="ancient")}, "profile.age"),
        (
            {
                "affect": affect_pb2.Affect(
                    classes=affect_pb2.Distribution(entries=[affect_pb2.LabelProbability(label="glad")])
                )
            },
            "affect.classes.entries[0].label",
        ),
        (
            {
                "affect": affect_pb2.Affect(
                    classes=affect_pb2.Distribution(
                        entries=[affect_pb2.LabelProbability(label="sad", probability=math.inf)]
                    )
                )
            },
            "affect.classes.entries[0].probability",
        ),
    ],
)
async def test_bad_input_names_the_field(ask, fields, field):
    with pytest.raises(InvalidInput) as caught:
        await ask(**fields)
    assert caught.value.violations[0].field == field


async def test_unknown_option_is_refused():
    settings = load_settings()
    own = settings.service("disentangler").model_copy(update={"options": {"temperature": 1}})
    services = {**settings.services, "disentangler": own}
    service = DisentanglerService(settings.model_copy(update={"services": services}))
    with pytest.raises(ValueError, match="temperature"):
        await service.start()
