"""Where things are in a head, and where they go when it moves.

Head space has its origin between the eyes, x to the viewer's right, y down, and a head about 290
units high. The third coordinate points to the viewer.
"""

from functools import cache, cached_property
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from services.avatar.profiles.schema import Head
from services.avatar.rig import Pose

Points = NDArray[np.float64]
"""Shape (..., 2)."""

FRAME = 420.0
"""Width and height of a picture in units of head space."""

CENTRE = np.array([210.0, 210.0])
"""Where the origin of head space lies in the picture, in its units."""

_PIVOT = np.array([0.0, 96.0, -50.0])
_CAMERA = 1400.0


def smooth(
    value: NDArray[np.float64], low: float | NDArray[np.float64], high: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def bump(p: Points, x: float, y: float, wide: float, high: float) -> NDArray[np.float64]:
    """Gaussian hill of height 1."""
    return np.exp(-0.5 * (((p[..., 0] - x) / wide) ** 2 + ((p[..., 1] - y) / high) ** 2))


class HeadShape:
    """Measures of one head in head space."""

    def __init__(self, head: Head) -> None:
        """Takes the proportions of a profile."""
        self.head = head
        self.width = 100.0 * head.width
        self.chin_y = 140.0 * head.chin
        self.eye_x = 45.0 * head.width
        self.eye_width = 27.4 * head.eye_size
        """Half the width of an eye."""
        self.nose_y = 62.0 * head.nose_length
        """Tip of the nose."""
        self.nose_width = 17.0 * head.nose_width
        """Half the width at the wings."""
        self.mouth_y = self.nose_y + 0.42 * (self.chin_y - self.nose_y) + 1.0
        self.mouth_width = 37.0 * head.mouth_width
        """Half the width of the mouth at rest."""

    @cached_property
    def outline(self) -> Points:
        """The face from above the forehead round by the chin: shape (n, 2), closed."""
        width, jaw, chin = self.width, self.head.jaw, self.chin_y
        half = np.array(
            [
                (0, -146),
                (0.52 * width, -132),
                (0.87 * width, -88),
                (0.985 * width, -36),
                (0.975 * width, 8),
                (0.905 * width, 46),
                (0.775 * width * jaw, 0.60 * chin),
                (0.565 * width * jaw, 0.82 * chin),
                (0.315 * width * jaw, 0.962 * chin),
                (0, chin),
            ]
        )
        return np.concatenate([half, (half * (-1, 1))[-2:0:-1]])

    def depth(self, p: Points) -> NDArray[np.float64]:
        """How near the skin at some points is, for parallax: smooth, 0 outside of the head."""
        round_head = np.clip(1.0 - (p[..., 0] / 125.0) ** 2 - (p[..., 1] / 185.0) ** 2, 0.0, 1.0)
        return 88.0 * round_head + 20.0 * bump(p, 0, self.nose_y - 4, 14, 22)

    def expression(self, p: Points, pose: Pose) -> Points:
        """How far an expression carries the skin at some points; shape as the points'."""
        x, y = p[..., 0], p[..., 1]
        moved = np.zeros_like(p)
        below = smooth(y, self.mouth_y + 4, self.chin_y - 4) * (1 - smooth(np.abs(x), 78, 128))
        forward = pose["jawForward"]
        moved[..., 1] += below * (JAW_DROP * 0.82 * pose["jawOpen"] + 3 * forward)
        moved[..., 0] += below * JAW_ASIDE * (pose["jawLeft"] - pose["jawRight"])
        chin = bump(p, 0, self.chin_y - 16, 24, 14)
        moved[..., 1] -= 6 * chin * pose["mouthShrugLower"]
        moved[..., 0] += 0.07 * x * chin * forward
        lips = bump(p, 0, self.mouth_y, 46, 22)
        moved[..., 0] += lips * mouth_aside(pose)
        for side, name in ((1, "Left"), (-1, "Right")):
            corner = bump(p, side * (self.mouth_width + 10), self.mouth_y - 4, 20, 18)
            cheek = bump(p, side * 58, 44, 24, 20)
            brow = bump(p, side * 44, -48, 34, 24)
            wing = bump(p, side * self.nose_width, self.nose_y, 12, 14)
            smile = pose["mouthSmile" + name]
            squint = pose["cheekSquint" + name]
            sneer = pose["noseSneer" + name]
            moved[..., 0] += side * corner * (8 * smile - 5 * pose["mouthPucker"])
            moved[..., 1] += corner * (-9 * smile + 6 * pose["mouthFrown" + name])
            moved[..., 1] -= cheek * (4 * smile + 5 * squint + 3 * sneer)
            moved[..., 0] += side * cheek * (5 * pose["cheekPuff"] + 3 * smile)
            moved[..., 1] -= 6 * wing * sneer
            moved[..., 0] += side * wing * (1.5 * sneer + 1.2 * smile)
            moved[..., 1] += brow * (8 * pose["browDown" + name] - 8 * pose["browOuterUp" + name])
        moved[..., 1] -= 8 * pose["browInnerUp"] * bump(p, 0, -44, 26, 24)
        return moved


def mouth_aside(pose: Pose) -> float:
    """How far the mouth is drawn to the viewer's right, in units of head space."""
    return 8.0 * (pose["mouthLeft"] - pose["mouthRight"]) + 0.6 * JAW_ASIDE * (
        pose["jawLeft"] - pose["jawRight"]
    )


JAW_DROP = 30.0
"""How far the fully opened jaw falls."""

JAW_ASIDE = 10.0
"""How far the jaw goes to a side."""


class View:
    """Turns points of a posed head into points of the picture."""

    def __init__(self, pose: Pose, scale: float) -> None:
        """Takes the head's angles.

        Args:
            pose: The face.
            scale: Pixels of the picture for a unit of head space.
        """
        yaw, pitch, roll = radians(pose.yaw), radians(pose.pitch), radians(pose.roll)
        turn = np.array([[cos(yaw), 0, sin(yaw)], [0, 1, 0], [-sin(yaw), 0, cos(yaw)]])
        nod = np.array([[1, 0, 0], [0, cos(pitch), -sin(pitch)], [0, sin(pitch), cos(pitch)]])
        tilt = np.array([[cos(roll), -sin(roll), 0], [sin(roll), cos(roll), 0], [0, 0, 1]])
        rotation = tilt @ nod @ turn
        # The picture of the resting head is painted without perspective: only the difference counts.
        rotation[2] = (rotation[2] - (0, 0, 1)) / _CAMERA
        rotation[:2] *= scale
        self._flat, self._deep = np.ascontiguousarray(rotation[:, :2].T), rotation[:, 2]
        self._home = (_PIVOT[:2] + CENTRE - (0, 1.2 * pose.breath)) * scale
        self.scale = scale

    def __call__(self, p: Points, depth: NDArray[np.float64] | float) -> Points:
        """Carries points.

        Args:
            p: Points of head space, shape (..., 2).
            depth: How near they are, shape (...) or one for all.

        Returns:
            Points of the picture in pixels, shape as `p`.
        """
        near = np.asarray(depth - _PIVOT[2])[..., None]
        turned = (p - _PIVOT[:2]) @ self._flat + near * self._deep
        out: Points = turned[..., :2] * (1 + turned[..., 2:]) + self._home
        return out


def curve(points: Points, closed: bool, per_part: int = 12) -> Points:
    """Catmull-Rom curve through points: shape (n, 2)."""
    return _weights(len(points), closed, per_part) @ points


@cache
def _weights(count: int, closed: bool, per_part: int) -> NDArray[np.float64]:
    """What each of some points adds to each point of the curve through them."""
    if closed:
        padded = np.eye(count)[np.arange(-1, count + 2) % count]
    else:
        inner = np.eye(count)
        padded = np.concatenate([2 * inner[:1] - inner[1:2], inner, 2 * inner[-1:] - inner[-2:-1]])
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.linspace(0, 1, per_part, endpoint=False)[:, None, None]
    parts = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    joined = parts.transpose(1, 0, 2).reshape(-1, count)
    return joined if closed else np.concatenate([joined, padded[-2:-1]])


def at(x: float, y: float) -> Points:
    """A point, or a way to shift points."""
    return np.array((x, y))
