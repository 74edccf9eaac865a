import numpy as np
import pytest
from empatheia.common.v1 import style_pb2

from services.avatar.drawing.geometry import HeadShape
from services.avatar.drawing.mouth import mouth_lines
from services.avatar.motion.animator import Animator
from services.avatar.motion.visemes import TARGETS
from services.avatar.profiles.schema import Head
from services.avatar.rig import SHAPES, Pose
from services.avatar.validation import VISEMES
from tests.avatar.support import RATE, speech

HEAD = HeadShape(Head())


def poses(seconds: float, samples=None, segment=None, fps: float = 25.0, seed: int = 1, **face: float):
    animator = Animator(style_pb2.FaceControls(**face), seed, RATE, fps)
    if segment is not None:
        animator.add_segment(segment)
    animator.add_voice(np.zeros(round(seconds * RATE), np.int16) if samples is None else samples)
    return [animator.pose(n / fps) for n in range(round(seconds * fps))]


def test_targets_are_those_of_the_contract():
    assert set(TARGETS) == VISEMES
    assert all(set(target.shapes) <= set(SHAPES) for target in TARGETS.values())
    assert len(SHAPES) == len(set(SHAPES)) == 52


@pytest.mark.parametrize("fps", [5.0, 25.0, 60.0])
@pytest.mark.parametrize("articulation", [-1.0, 0.0, 2.0])
def test_lips_always_touch_on_bilabials(fps, articulation):
    segment, samples = speech(11)
    frames = poses(9, samples, segment, fps, articulation=articulation, smile=0.8)
    for viseme in segment.visemes:
        if viseme.name != "PP":
            continue
        middle = round((viseme.start_s + viseme.end_s) / 2 * fps)
        assert mouth_lines(HEAD, frames[middle]).gap == 0.0


def test_mouth_opens_for_vowels_and_with_loudness():
    segment, samples = speech(6)

    def widest(voice):
        return max(mouth_lines(HEAD, pose).gap for pose in poses(4.5, voice, segment))

    # Loud against one's own loudest, so the quiet half must come with a loud one before it.
    assert widest(samples) > 8.0
    faded = samples.copy()
    faded[len(faded) // 3 :] = faded[len(faded) // 3 :] // 12
    frames = poses(4.5, faded, segment)
    gaps = np.array([mouth_lines(HEAD, pose).gap for pose in frames])
    assert gaps[55:].max() < 0.8 * gaps[:30].max()


def test_voice_alone_moves_the_mouth():
    _, samples = speech(4)
    assert max(pose["jawOpen"] for pose in poses(3, samples)) > 0.15


def test_mouth_shuts_when_the_words_are_over():
    segment, samples = speech(2)
    del segment.visemes[-1]
    end = segment.visemes[-1].end_s
    frames = poses(end + 1, np.concatenate([samples, np.zeros(RATE, np.int16)]), segment)
    gaps = np.array([mouth_lines(HEAD, pose).gap for pose in frames])
    after = gaps[round(end * 25) :]
    assert np.all(np.diff(after) <= 0)
    assert np.all(after[8:] < 0.3)


def test_silence_keeps_the_mouth_shut_and_the_face_alive():
    frames = poses(20)
    assert all(mouth_lines(HEAD, pose).gap == 0.0 for pose in frames)
    assert np.ptp([pose.yaw for pose in frames]) > 0.5
    assert np.ptp([pose.breath for pose in frames]) > 0.9


def test_blinks_come_at_a_human_rate():
    closed = [max(pose["eyeBlinkLeft"] for pose in frames) > 0.9 for frames in [poses(30)]]
    assert closed == [True]

    def count(**face):
        lids = np.array([pose["eyeBlinkLeft"] for pose in poses(120, fps=12.5, **face)])
        return int(np.sum((lids[1:] > 0.5) & (lids[:-1] <= 0.5))) / 2

    usual = count()
    assert 10 <= usual <= 25
    assert count(blink_rate=1) > 1.4 * usual


def test_head_and_brows_never_jump():
    segment, samples = speech(12)
    frames = poses(9, samples, segment, head_tilt=0.5, brow_inner_up=0.8)
    for name, most in (("yaw", 1.2), ("pitch", 1.2), ("roll", 1.2)):
        steps = np.abs(np.diff([getattr(pose, name) for pose in frames]))
        assert steps.max() < most
    brows = np.abs(np.diff([pose["browInnerUp"] for pose in frames]))
    assert brows.max() < 0.08


def test_style_shapes_the_face():
    glad = poses(2, smile=0.8)[-1]
    sad = poses(2, brow_inner_up=0.8, frown=0.6, gaze_down=0.5, head_tilt=0.5)[-1]
    assert glad.both("mouthSmile") > 0.6
    assert sad["browInnerUp"] > 0.6
    assert sad.both("mouthFrown") > 0.4
    assert sad["eyeLookDownLeft"] > 0.2
    assert sad.roll - glad.roll > 2


def test_weights_stay_within_bounds():
    segment, samples = speech(6)
    frames = poses(4.5, samples, segment, articulation=4, smile=1, frown=1, brow_down=1, eye_openness=-1)
    shapes = np.stack([pose.shapes for pose in frames])
    assert shapes.min() >= 0.0
    assert shapes.max() <= 1.0


def test_ending_closes_the_mouth_softly():
    _, samples = speech(3)
    animator = Animator(style_pb2.FaceControls(), 1, RATE, 25)
    vowel = np.tile(samples[2400:7000], 6)
    animator.add_voice(vowel)
    frames = [animator.pose(n / 25) for n in range(24)]
    ending = [animator.pose((24 + n) / 25, ending=min(1.0, n / 5)) for n in range(10)]
    gaps = np.array([mouth_lines(HEAD, pose).gap for pose in frames[-2:] + ending])
    assert gaps[0] > 4
    assert gaps[-1] < 0.5
    assert np.max(-np.diff(gaps)) < 0.6 * gaps[0]


def test_same_seed_same_motion():
    one, same, other = (poses(3, seed=seed) for seed in (4, 4, 5))
    assert all(np.array_equal(a.shapes, b.shapes) and a.yaw == b.yaw for a, b in zip(one, same, strict=True))
    assert any(a.yaw != b.yaw for a, b in zip(one, other, strict=True))


def joint(first: list[Pose], then: Pose) -> float:
    """Greatest step of any shape and, in degrees, of the head where one video goes on from another."""
    before, last = first[-2], first[-1]
    expected = 2 * last.shapes - before.shapes
    shapes = np.abs(then.shapes - np.clip(expected, 0, 1)).max()
    head = max(abs(getattr(then, name) - getattr(last, name)) for name in ("yaw", "pitch", "roll"))
    return max(shapes, head)


def test_one_video_goes_on_where_another_ended():
    segment, samples = speech(3)
    sad = style_pb2.FaceControls(brow_inner_up=0.8, frown=0.4, head_tilt=0.5, gaze_down=0.4, head_motion=-0.5)
    glad = style_pb2.FaceControls(smile=0.8, cheek_raise=0.6, head_motion=0.5)
    animator = Animator(sad, 5, RATE, 25)
    animator.add_segment(segment)
    animator.add_voice(samples)
    spoken = round(len(samples) / RATE * 25)
    first = [animator.pose(n / 25) for n in range(spoken)]
    first += [animator.pose(n / 25, min(1.0, (n - spoken) / 5)) for n in range(spoken, spoken + 8)]
    end_s = len(first) / 25
    assert joint(first, Animator(glad, 5, RATE, 25, before=sad, life_s=end_s).pose(0.0)) < 0.25
    assert joint(first, Animator(glad, 5, RATE, 25).pose(0.0)) > 1.0


def test_listening_face_attends_nods_and_stays_silent():
    _, voice = speech(3)
    heard = np.concatenate([voice, np.zeros(RATE, np.int16)] * 2)
    animator = Animator(style_pb2.FaceControls(head_motion=-4), 3, RATE, 25)
    animator.add_heard(heard)
    frames = [animator.pose(n / 25) for n in range(round(len(heard) / RATE * 25))]
    still = poses(len(heard) / RATE, seed=3, head_motion=-4)
    assert all(mouth_lines(HEAD, pose).gap == 0.0 for pose in frames)
    brows = np.array(
        [one["browInnerUp"] - other["browInnerUp"] for one, other in zip(frames, still, strict=True)]
    )
    assert brows.max() > 0.1
    dips = np.array([other.pitch - one.pitch for one, other in zip(frames, still, strict=True)])
    assert dips.max() > 1.5
    ends = round(len(voice) / RATE * 25)
    assert dips[:ends].max() < 0.1 < dips[ends : ends + 25].max()
    assert np.abs(np.diff(dips)).max() < 1.0
