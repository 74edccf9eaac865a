"""Poses, picture by picture."""

import numpy as np
from empatheia.common.v1 import content_pb2, style_pb2
from numpy.typing import NDArray

from services.avatar.motion.expression import MOUTH, express
from services.avatar.motion.idle import Blinks, Drift, Gaze
from services.avatar.motion.listening import Listener
from services.avatar.motion.loudness import Loudness
from services.avatar.motion.visemes import TARGETS, MouthMoment, VisemeTrack, close_lips
from services.avatar.rig import SHAPES, Pose

LOOK_AHEAD_S = 0.10
"""How much voice a picture needs beyond its own time."""

_ONSET_S = 0.8
"""In which one style gives way to the next."""

_TRACE = 0.35
"""How much of its style a video opens with if nothing came before it."""

_NOD_S = 0.42
_NOD_PAUSE_S = 0.9
_BREATH_HZ = 0.26
_MOST_DEG = 11.0
"""How far the drawn head can turn and still look right."""

_VOICE_ALONE = MouthMoment(
    np.array([0.8 * TARGETS["aa"].shapes.get(name, 0.0) for name in SHAPES]), closure=0.0, lip_to_teeth=0.0
)
"""A mouth of which nobody has said what it says."""

_ATTENTIVE = express(style_pb2.FaceControls(brow_inner_up=0.22, brow_outer_up=0.12, smile=0.10))
"""What listening adds to a face."""

_INDEX = {name: index for index, name in enumerate(SHAPES)}
_CORNERS = [i for i, name in enumerate(SHAPES) if name.startswith(("mouthSmile", "mouthFrown"))]
"""Where a mood shows even in speech."""
_YIELDING = [i for i in np.flatnonzero(MOUTH).tolist() if i not in _CORNERS]


class Animator:
    """Moves one face through one reply.

    Life at rest is a function of the seed and of a clock that may start anywhere: a face that goes on where
    another video with that seed has ended doesn't jump.
    """

    def __init__(
        self,
        face: style_pb2.FaceControls,
        seed: int,
        sample_rate: int,
        fps: float,
        *,
        before: style_pb2.FaceControls | None = None,
        life_s: float = 0.0,
    ) -> None:
        """Takes the style of the reply; same seed, same motion.

        Args:
            face: How the face is to look.
            seed: Of its life.
            sample_rate: Of the voices.
            fps: Pictures a second.
            before: How it looked so far; None fades in from a face at rest.
            life_s: Where on the clock of its life the first picture lies.
        """
        self._face = face
        self._before = before or style_pb2.FaceControls()
        self._trace = 0.0 if before else _TRACE
        self._expressions = (express(self._before), express(face))
        self._life_s = life_s
        self._step_s = 1.0 / fps
        self._track = VisemeTrack(self._step_s)
        self._loudness = Loudness(sample_rate)
        self._listener = Listener(sample_rate)
        rng = np.random.default_rng(seed % 2**63)
        self._blinks = Blinks(np.random.default_rng(rng.integers(2**62)))
        self._gaze = Gaze(np.random.default_rng(rng.integers(2**62)))
        self._yaw, self._pitch, self._roll = (Drift(rng, 0.06, 0.5) for _ in range(3))
        self._mood = Drift(rng, 0.08, 0.35)
        self._phase = float(rng.uniform(0, 2 * np.pi))
        self._nods: list[float] = []
        self._liveliness = 0.0

    def add_voice(self, samples: NDArray[np.int16]) -> None:
        """Takes further samples of the face's own voice."""
        self._loudness.add(samples)

    def add_heard(self, samples: NDArray[np.int16]) -> None:
        """Takes further samples of the person's voice, to which the face listens."""
        self._listener.add(samples)

    def add_segment(self, segment: content_pb2.ContentSegment) -> None:
        """Takes a segment as spoken, its times on the speech clock."""
        self._track.add(segment.visemes)
        for phoneme in segment.phonemes:
            late = not self._nods or phoneme.start_s - self._nods[-1] > _NOD_PAUSE_S
            if phoneme.stress == 2 and late:
                self._nods.append(phoneme.start_s)

    def pose(self, time_s: float, ending: float = 0.0) -> Pose:
        """The face at a moment; moments must come in order.

        Args:
            time_s: On the speech clock.
            ending: From 0 to 1 while the mouth is to close for good, and what voices stirred to come to rest.
        """
        loud = self._loudness.at(time_s, self._step_s) * (1 - ending)
        attention, heard_nod = (x * (1 - ending) for x in self._listener.at(time_s, self._step_s))
        pace = 1 - float(np.exp(-self._step_s / 0.5))
        self._liveliness += pace * (min(1.0, 1.6 * loud) - self._liveliness)
        lively = self._liveliness * (1 - ending)
        pose = Pose()
        nod = self._nod(time_s) * lively
        t = min(1.0, time_s / _ONSET_S)
        onset = self._trace + (1 - self._trace) * t * t * (3 - 2 * t)
        self._express(pose, time_s, onset, attention, nod)
        pose.shapes[_YIELDING] *= 1 - ending
        self._speak(pose, time_s, loud)
        head = self._head_angles(time_s, lively, onset)
        self._live(pose, time_s, onset, head[0])
        self._hold_head(pose, onset, head, nod * 2.0**self._face.head_motion + 1.5 * heard_nod)
        return pose

    def _express(self, pose: Pose, time_s: float, onset: float, attention: float, nod: float) -> None:
        before, now = self._expressions
        mood = 1 + 0.07 * self._mood(self._life_s + time_s)
        shapes = (before + (now - before) * onset) * mood
        pose.shapes[:] = np.clip(shapes + attention * _ATTENTIVE * (1 - shapes), 0.0, 1.0)
        pose["browInnerUp"] += 0.05 * nod
        for side in ("Left", "Right"):
            pose["browOuterUp" + side] += 0.10 * nod

    def _control(self, name: str, onset: float) -> float:
        """A control of the face on its way from the style before to that of the reply."""
        before, now = float(getattr(self._before, name)), float(getattr(self._face, name))
        return before + (now - before) * onset

    def _speak(self, pose: Pose, time_s: float, loud: float) -> None:
        moment = self._track.at(time_s) if self._track.begun else _VOICE_ALONE
        gain = 2.0**self._face.articulation
        shapes = moment.shapes.copy()
        # Full shapes want a voice; without one the mouth stays at rest, whatever the plan says. The video
        # opens with a mouth at rest too.
        voiced = min(1.0, loud / 0.25, (time_s + 0.02) / 0.08)
        jaw = _INDEX["jawOpen"]
        shapes[jaw] *= gain * (0.45 + 0.62 * loud)
        shapes *= voiced
        for side in ("Left", "Right"):
            shapes[_INDEX["mouthStretch" + side]] *= gain
        # Lips that speak give way to the sounds; the mood stays in their corners.
        speech = voiced * float(np.clip(shapes[jaw] * 2 + shapes[_INDEX["mouthPucker"]], 0, 1))
        pose.shapes[_YIELDING] *= 1 - 0.75 * max(speech, 0.6 * voiced)
        pose.shapes[_CORNERS] *= 1 - 0.30 * speech
        pose.shapes[:] = np.clip(pose.shapes + shapes, 0.0, 1.0)
        close_lips(pose.shapes, moment.closure, moment.lip_to_teeth * voiced)

    def _live(self, pose: Pose, time_s: float, onset: float, yaw: float) -> None:
        life_s = self._life_s + time_s
        half_closed = 0.5 * max(0.0, -self._control("eye_openness", onset))
        blink = self._blinks.at(life_s, self._control("blink_rate", onset))
        pose.set_both("eyeBlink", half_closed + (1 - half_closed) * blink)
        right, up = self._gaze.at(life_s)
        # The eyes hold the viewer while the head moves.
        right -= 0.035 * yaw
        pose.look(right, up - 0.75 * self._control("gaze_down", onset) - 0.06 * blink)
        pose.breath = 0.5 - 0.5 * float(np.cos(2 * np.pi * _BREATH_HZ * life_s + self._phase))

    def _head_angles(self, time_s: float, lively: float, onset: float) -> tuple[float, float, float]:
        life_s = self._life_s + time_s
        size = (0.45 + 0.75 * lively) * 2.0 ** self._control("head_motion", onset)
        return (
            2.4 * size * self._yaw(life_s),
            1.3 * size * self._pitch(life_s),
            1.1 * size * self._roll(life_s),
        )

    def _hold_head(self, pose: Pose, onset: float, head: tuple[float, float, float], nod: float) -> None:
        yaw, pitch, roll = head
        pose.yaw = _within(yaw)
        pose.pitch = _within(pitch + 9.0 * self._control("head_pitch", onset) - 1.6 * nod)
        pose.roll = _within(roll + 8.0 * self._control("head_tilt", onset))

    def _nod(self, time_s: float) -> float:
        """Stressed words move the head and the brows a little, a moment before they are heard."""
        total = 0.0
        for start in reversed(self._nods):
            t = (time_s - start + 0.10) / _NOD_S
            if t > 1:
                break
            if t > 0:
                total += float(np.sin(np.pi * t)) ** 2
        return total


def _within(angle: float) -> float:
    """Bends an angle so that it never passes `_MOST_DEG`, and hardly changes small ones."""
    return _MOST_DEG * float(np.tanh(angle / _MOST_DEG))
