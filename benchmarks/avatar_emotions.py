"""Whether the emotions of the drawn faces can be told apart by one who has only seen other avatars.

Each avatar speaks in each emotion; the pictures of the finished MP4 are described by their edges (histograms
of oriented gradients, Dalal & Triggs 2005). A linear classifier learns from all avatars but one and names the
emotions of that one; the emotion of a clip is the one for which its pictures speak most, taken together.
"""

import io
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import av
import cv2
import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier

from benchmarks.spoken_reply import Reply
from services.avatar.backends import VideoForm
from services.avatar.backends.drawn import DrawnBackend

_SIZE = 192
_SECONDS = 2.0
_EVERY = 3
_FACE = (slice(28, 172), slice(40, 152))
"""Rows and columns of the face in a picture of `_SIZE`."""

_HOG = cv2.HOGDescriptor((56, 72), (16, 16), (8, 8), (8, 8), 9)


def told_apart(
    reply: Reply,
    styles: Mapping[str, style_pb2.FaceControls],
    intensities: Mapping[str, float],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Renders each avatar in each emotion and has it named by what the others look like.

    Args:
        reply: What they say.
        styles: Each emotion in full.
        intensities: What to measure, by name; the classifier learns at full intensity only.
        progress: Told what is being done.

    Returns:
        For each intensity: shares of clips and of pictures named rightly, and what clips are mistaken for.
    """
    backend = DrawnBackend({})
    backend.load()
    avatars = [avatar.id for avatar in backend.avatars()]
    names = list(styles)
    seen: dict[tuple[str, str, float], NDArray[np.float32]] = {}
    for number, avatar in enumerate(avatars):
        progress(f"emotions of {avatar}")
        for emotion, face in styles.items():
            for share in {1.0, *intensities.values()}:
                seed = 100 * number + names.index(emotion)
                seen[avatar, emotion, share] = _clip(backend, reply, avatar, _scaled(face, share), seed)
    result: dict[str, Any] = {"avatars": len(avatars), "emotions": names, "chance": round(1 / len(names), 3)}
    counts = {label: _Count() for label in intensities}
    for avatar in avatars:
        rows = [(seen[a, e, 1.0], names.index(e)) for a in avatars if a != avatar for e in names]
        x = np.concatenate([features for features, _ in rows])
        y = np.concatenate([np.full(len(features), index) for features, index in rows])
        net = RidgeClassifier(alpha=10.0).fit(x, y)
        for label, share in intensities.items():
            for index, emotion in enumerate(names):
                speaks_for = net.decision_function(seen[avatar, emotion, share])
                best = int(np.argmax(speaks_for.mean(axis=0)))
                count = counts[label]
                count.clips += 1
                count.right += best == index
                count.pictures += len(speaks_for)
                count.pictures_right += int(np.sum(np.argmax(speaks_for, axis=1) == index))
                if best != index:
                    count.mistakes[f"{emotion} taken for {names[best]}"] += 1
    for label, count in counts.items():
        result[label] = {
            "clips": count.clips,
            "clips_right": round(count.right / count.clips, 3),
            "pictures_right": round(count.pictures_right / count.pictures, 3),
            "mistakes": dict(count.mistakes),
        }
    return result


@dataclass
class _Count:
    clips: int = 0
    right: int = 0
    pictures: int = 0
    pictures_right: int = 0
    mistakes: Counter[str] = field(default_factory=Counter)


def _scaled(face: style_pb2.FaceControls, share: float) -> style_pb2.FaceControls:
    return style_pb2.FaceControls(**{field.name: value * share for field, value in face.ListFields()})


def _clip(
    backend: DrawnBackend, reply: Reply, avatar: str, face: style_pb2.FaceControls, seed: int
) -> NDArray[np.float32]:
    """Features of every third picture of a speaking clip, from its file: (pictures, width)."""
    video = backend.open(VideoForm(avatar, style_pb2.Style(face=face), seed, reply.rate, _SIZE, 25.0))
    for segment in reply.segments:
        video.follow(segment)
    never = Event()
    data = io.BytesIO()
    for piece in video.speak(reply.samples[: round(_SECONDS * reply.rate)], never):
        data.write(piece.data)
    for piece in video.finish(never):
        data.write(piece.data)
    data.seek(0)
    rows = []
    with av.open(data, "r") as file:
        for number, frame in enumerate(file.decode(video=0)):
            # The expression fades in over the first second.
            if number >= 20 and number % _EVERY == 0:
                face_only = frame.to_ndarray(format="gray")[_FACE]
                small = cv2.resize(face_only, (56, 72), interpolation=cv2.INTER_AREA)
                rows.append(np.asarray(_HOG.compute(small), np.float32).ravel())
    return np.asarray(rows, np.float32)
