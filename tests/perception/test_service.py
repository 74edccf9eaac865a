import asyncio

import pytest
from empatheia.common.v1 import dialogue_pb2, media_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.emotions import CLASSES, LABELS
from runtime.errors import InvalidInput, TooMuch, UnknownName
from runtime.settings import load_settings
from runtime.tensors import to_array
from services.perception.service import PerceptionService
from tests.perception import samples
from tests.perception.conftest import Perceive
from tests.perception.samples import File

SPEAKER, LISTENER = dialogue_pb2.ROLE_SPEAKER, dialogue_pb2.ROLE_LISTENER
COUNTING = "one two three four five six"
SENTENCE = "My dog died yesterday and I feel so sad."


def modality(perception: perception_pb2.Perception, name: str) -> perception_pb2.ModalityAffect:
    (found,) = [m for m in perception.modalities if m.modality == name]
    return found


def top(distribution) -> str:
    return distribution.entries[0].label


def assert_distribution(distribution, names: tuple[str, ...]) -> None:
    assert sorted(e.label for e in distribution.entries) == sorted(names)
    probabilities = [e.probability for e in distribution.entries]
    assert sum(probabilities) == pytest.approx(1, abs=1e-6)
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize(
    ("text", "label", "klass"),
    [
        ("My dog died yesterday, and I can't stop crying.", ("sad", "devastated"), "sad"),
        ("We won the lottery! I have never been so happy!", ("joyful", "excited"), "happy"),
        ("Somebody followed me home in the dark and I was scared to death.", ("terrified", "afraid"), "fear"),
        ("My neighbour smashed my car and laughed at me, I am furious.", ("furious", "angry"), "angry"),
    ],
)
async def test_words_are_judged(perceive: Perceive, text: str, label: tuple[str, ...], klass: str) -> None:
    perception = await perceive(text)
    assert top(perception.affect.labels) in label
    assert top(perception.affect.classes) == klass
    assert perception.text == text
    assert not perception.HasField("transcript")
    assert modality(perception, "speech").reason == "no sound"
    assert modality(perception, "face").reason == "no video"


async def test_what_is_sent_is_complete(perceive: Perceive) -> None:
    perception = await perceive(SENTENCE)
    for affect in (perception.affect, modality(perception, "text").affect):
        assert_distribution(affect.classes, CLASSES)
        assert_distribution(affect.labels, LABELS)
        assert affect.valence < -0.3
        assert 0 < affect.confidence <= 1
        assert affect.evidence
    assert modality(perception, "text").model.weight_hash
    (feature,) = perception.features
    assert feature.name == "x_t"
    assert to_array(feature).shape == (1, 384)
    assert to_array(feature).dtype == "float32"


async def test_evidence_points_at_words_of_the_dialogue(perceive: Perceive) -> None:
    history = (
        dialogue_pb2.Utterance(role=SPEAKER, text="Guess what happened 🙂 at work?"),
        dialogue_pb2.Utterance(role=LISTENER, text="Tell me!"),
    )
    text = "They fired me — out of nowhere. I am devastated, and I don't know how to pay my rent."
    perception = await perceive(text, history=history)
    dialogue = [history[0].text, history[1].text, text]
    assert perception.affect.evidence
    for evidence in perception.affect.evidence:
        span = evidence.text
        assert span.utterance in (0, 2)
        assert dialogue[span.utterance][span.start : span.end] == span.text
        assert 0 <= evidence.weight <= 1
    assert any(e.text.utterance == 2 for e in perception.affect.evidence)


async def test_history_gives_a_short_answer_its_meaning(perceive: Perceive) -> None:
    history = (
        dialogue_pb2.Utterance(role=SPEAKER, text="My mother is in hospital, I am so afraid for her."),
        dialogue_pb2.Utterance(role=LISTENER, text="Is it serious?"),
    )
    alone, after = await perceive("Yes."), await perceive("Yes.", history=history)
    assert top(after.affect.classes) == "fear"
    assert after.affect.confidence > alone.affect.confidence


async def test_speech_is_heard(perceive: Perceive) -> None:
    sound = samples.spoken(COUNTING)
    recording = File(samples.audio(sound, 22050), "a.wav", media_pb2.MEDIA_KIND_AUDIO)
    *before, first, last = await perceive.responses("", (recording,), ())
    assert all(response.WhichOneof("part") == "partial" for response in (*before, first))
    perception = last.perception
    assert "three four five" in perception.text
    assert perception.text == perception.transcript.text == first.partial.text
    assert perception.audio_s == pytest.approx(len(sound) / 22050, abs=0.05)
    assert perception.transcript.speech
    assert 0 < perception.transcript.confidence <= 1
    end = 0.0
    for word in perception.transcript.words:
        assert end - 1e-6 <= word.start_s < word.end_s <= perception.audio_s
        assert 0 <= word.confidence <= 1
        assert not set("<>[]()") & set(word.text)
        end = word.end_s
    voice = modality(perception, "speech")
    assert voice.present
    assert_distribution(voice.affect.classes, CLASSES)
    for evidence in voice.affect.evidence:
        assert 0 <= evidence.audio.start_s < evidence.audio.end_s <= perception.audio_s + 0.05
        assert evidence.note
    assert {f.name for f in perception.features} == {"x_t", "x_s"}


async def test_video_brings_sound_and_face(perceive: Perceive) -> None:
    sound = samples.spoken(COUNTING)
    pictures = [samples.face()] * int(10 * len(sound) / 22050)
    perception = await perceive("", File(samples.video(pictures, sound), "me.mp4"))
    assert "three four five" in perception.text
    shown = modality(perception, "face")
    assert shown.present
    (evidence,) = shown.affect.evidence
    assert 0 <= evidence.face.start_s < evidence.face.end_s <= perception.video_s + 0.3
    assert {f.name for f in perception.features} == {"x_t", "x_s", "x_v"}
    assert perception.video_s == pytest.approx(len(pictures) / 10, abs=0.15)


async def test_typed_words_win_over_heard_ones(perceive: Perceive) -> None:
    sound = samples.spoken(COUNTING)
    perception = await perceive(SENTENCE, File(samples.audio(sound, 22050), "a.wav"))
    assert perception.text == SENTENCE
    assert "three four five" in perception.transcript.text


async def test_most_central_face_is_taken_and_others_are_reported(perceive: Perceive) -> None:
    picture = samples.face(640, 240, (320, 120), 70)
    picture[:, :160] = samples.face(160, 240, (80, 120), 40)
    perception = await perceive(SENTENCE, File(samples.video([picture] * 5), "two.mp4"))
    assert modality(perception, "face").present
    assert "1 further face ignored" in perception.notes


async def test_recording_wins_over_the_sound_of_the_video(perceive: Perceive) -> None:
    sound = samples.spoken(COUNTING)
    pictures = [samples.face()] * 20
    perception = await perceive(
        "",
        File(samples.video(pictures, samples.tone(2), 16000), "v.mp4"),
        File(samples.audio(sound, 22050), "a.wav"),
    )
    assert "three four five" in perception.text
    assert any("own sound ignored" in note for note in perception.notes)


async def test_same_input_same_bytes_also_side_by_side(perceive: Perceive) -> None:
    wav = File(samples.audio(samples.spoken(COUNTING), 22050), "a.wav")
    other = File(samples.audio(samples.spoken("yesterday the president was very angry"), 22050), "b.wav")

    def comparable(perception: perception_pb2.Perception) -> bytes:
        for m in perception.modalities:
            m.elapsed_ms = 0
        return perception.SerializeToString(deterministic=True)

    alone = comparable(await perceive("", wav))
    together = await asyncio.gather(perceive("", wav), perceive("", other), perceive("", wav))
    assert comparable(together[0]) == comparable(together[2]) == alone
    assert together[1].text != together[0].text


async def test_control_characters_and_other_scripts_do_not_break_offsets(perceive: Perceive) -> None:
    for text in ("I\x00 am\x07 sad\u202e today", "أنا حزين جدا", "😭😭 my cat died 😭"):
        perception = await perceive(text)
        for evidence in perception.affect.evidence:
            assert text[evidence.text.start : evidence.text.end] == evidence.text.text


async def test_words_without_letters_are_not_judged(perceive: Perceive) -> None:
    perception = await perceive("😭")
    assert modality(perception, "text").reason
    assert perception.text == "😭"
    assert not perception.HasField("affect")


async def test_nothing_said(perceive: Perceive) -> None:
    with pytest.raises(InvalidInput, match="type something or speak") as caught:
        await perceive("  \n")
    assert caught.value.reason == "NOTHING_SAID"


@pytest.mark.parametrize("sound", [samples.tone(1, level=0.0), samples.tone(1, level=1e-4)])
async def test_silence_is_not_guessed_at(perceive: Perceive, sound) -> None:
    file = File(samples.audio(sound, 16000), "s.wav")
    perception = await perceive(SENTENCE, file)
    assert modality(perception, "speech").reason == "silence"
    assert perception.transcript.text == ""
    with pytest.raises(InvalidInput, match="silence") as caught:
        await perceive("", file)
    assert caught.value.reason == "NOTHING_SAID"


async def test_a_face_alone_is_not_enough(perceive: Perceive) -> None:
    with pytest.raises(InvalidInput, match="a face was seen, but no words") as caught:
        await perceive("", File(samples.video([samples.face()] * 5), "mute.mp4"))
    assert caught.value.reason == "NOTHING_SAID"


async def test_video_without_a_face(perceive: Perceive) -> None:
    perception = await perceive(SENTENCE, File(samples.video([samples.scene()] * 5), "room.mp4"))
    assert modality(perception, "face").reason == "no face found"
    assert not modality(perception, "face").present


async def test_bounds_on_text(perceive: Perceive) -> None:
    with pytest.raises(TooMuch) as caught:
        await perceive("a" * 100_000)
    assert caught.value.reason == "TEXT_TOO_LONG"
    with pytest.raises(TooMuch) as caught:
        await perceive("hi", history=(dialogue_pb2.Utterance(role=SPEAKER, text="x"),) * 201)
    assert caught.value.reason == "HISTORY_TOO_LONG"


async def test_stream_out_of_order(perceive: Perceive) -> None:
    async def collect(*requests: perception_pb2.PerceiveRequest) -> None:
        async def stream():
            for request in requests:
                yield request

        async for _ in perceive.service.perceive(stream(), None):
            pass

    start = perception_pb2.PerceiveRequest(start=perception_pb2.PerceiveStart(text="hi"))
    header = media_pb2.MediaPart(stream_id=0, header=media_pb2.MediaHeader())
    for requests in ((), (perception_pb2.PerceiveRequest(media=header),), (start, start)):
        with pytest.raises(InvalidInput) as caught:
            await collect(*requests)
        assert caught.value.reason == "BAD_ORDER"
    french = perception_pb2.PerceiveStart(text="bonjour", language="fr-FR")
    with pytest.raises(InvalidInput) as caught:
        await collect(perception_pb2.PerceiveRequest(start=french))
    assert caught.value.reason == "UNKNOWN_LANGUAGE"
    nobody = perception_pb2.PerceiveStart(text="hi", history=[dialogue_pb2.Utterance(text="x")])
    with pytest.raises(InvalidInput, match="role"):
        await collect(perception_pb2.PerceiveRequest(start=nobody))


async def test_description(service: PerceptionService) -> None:
    description = service.describe()
    assert list(description.languages) == ["en"]
    assert description.limits["max_media_s"] == 120
    assert any("non-commercial" in notice for notice in description.notices)
    assert len(description.model.weight_hash) == 16


async def test_wrong_settings_are_refused() -> None:
    settings = load_settings("embedded")
    for changes, error in (({"backend": "nope"}, UnknownName), ({"options": {"nope": 1}}, InvalidInput)):
        own = settings.services["perception"].model_copy(update=changes)
        changed = settings.model_copy(update={"services": {**settings.services, "perception": own}})
        with pytest.raises(error, match="nope"):
            await PerceptionService(changed).start()


async def test_a_dead_recognizer_is_replaced(service: PerceptionService, perceive: Perceive) -> None:
    recording = File(samples.audio(samples.spoken(COUNTING), 22050), "a.wav")
    worker = service._backend._recognizer._process
    worker.kill()
    worker.wait()
    assert "three four five" in (await perceive("", recording)).text


@pytest.mark.parametrize("text", [".", "?!", "…"])
async def test_punctuation_alone_says_nothing(perceive: Perceive, text: str) -> None:
    perception = await perceive(text)
    words = next(one for one in perception.modalities if one.modality == "text")
    assert not words.present
    assert words.reason == "no words that the model knows"
