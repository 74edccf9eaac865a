"""Puts the parts of an avatar together into pictures."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.avatar.drawing.body import paint_backdrop, paint_body
from services.avatar.drawing.brows import BrowPainter
from services.avatar.drawing.creases import CreasePainter
from services.avatar.drawing.eyes import EyePainter
from services.avatar.drawing.geometry import CENTRE, FRAME, HeadShape, Points, View, smooth
from services.avatar.drawing.hair import HairPainter, paint_beard
from services.avatar.drawing.layers import Layer, Room
from services.avatar.drawing.mouth import MouthPainter
from services.avatar.drawing.paint import canvas, image
from services.avatar.drawing.skin import paint_head
from services.avatar.profiles.schema import AvatarProfile
from services.avatar.rig import Pose

SHADOW = np.array((0.52, 0.40, 0.38))
"""Light that reaches skin under hair: warm, as light through skin is."""


class Picture:
    """What one video draws on: videos of one avatar share its painter, but not this."""

    def __init__(self, painter: "Painter") -> None:
        """Makes room."""
        self.pixels, self.canvas, self._surface = canvas(painter.size, painter.size)
        self.room = Room(painter.size)


class Painter:
    """Draws pictures of one avatar."""

    def __init__(self, profile: AvatarProfile, size: int) -> None:
        """Paints everything that only bends; takes a second or so.

        Args:
            profile: The avatar.
            size: Width and height of the pictures.
        """
        self.size = size
        self._scale = size / FRAME
        self._shape = shape = HeadShape(profile.head)
        self._backdrop = np.zeros((size, size, 4), np.uint8)
        paint_backdrop(self._backdrop, profile.backdrop)
        self._hair_back = Layer(-232, -218, 232, 276, self._scale)
        self._body = Layer(-256, 40, 256, 276, self._scale)
        self._head = Layer(-134, -160, 134, 186, self._scale)
        self._hair_front = Layer(-232, -218, 232, 276, self._scale)
        hair = HairPainter(profile.hair, shape, seed=5)
        hair.back(self._hair_back.canvas)
        paint_body(self._body, shape, profile.skin, profile.dress)
        paint_head(self._head, shape, profile.skin, seed=6)
        if profile.hair.beard > 0:
            paint_beard(self._head, profile.hair, shape, seed=8)
        hair.front(self._hair_front.canvas)
        self._head.shade_under(self._hair_front, SHADOW, 0.85, down=7, soft=6)
        for layer in (self._hair_back, self._body, self._head, self._hair_front):
            layer.trim()
        self._creases = CreasePainter(shape, profile.skin)
        self._eyes = EyePainter(shape, profile.eyes, profile.skin, self._scale)
        self._brows = BrowPainter(shape, profile.eyes, profile.skin)
        self._mouth = MouthPainter(shape, profile.skin)

    def draw(self, pose: Pose, picture: Picture) -> NDArray[np.uint8]:
        """Draws a face.

        Returns:
            RGBA, shape (size, size, 4): the pixels of `picture`.
        """
        view = View(pose, self._scale)
        target = picture.canvas
        room = picture.room
        target.drawImage(image(self._backdrop, opaque=True), 0, 0)
        self._hair_back.lay(target, self._hanging(view, lambda p: np.full(p.shape[:-1], -12.0)), room)
        self._body.lay(target, self._standing(view, pose), room)
        self._head.lay(
            target, lambda p: view(p + self._shape.expression(p, pose), self._shape.depth(p)), room
        )
        self._creases.draw(target, pose, view)
        self._eyes.draw(target, pose, view)
        self._mouth.draw(target, pose, view)
        self._brows.draw(target, pose, view)
        self._hair_front.lay(target, self._hanging(view, lambda p: 0.8 * self._shape.depth(p) + 14), room)
        self._brows.draw_glasses(target, view)
        return picture.pixels

    def _hanging(
        self, view: View, depth: Callable[[Points], NDArray[np.float64]]
    ) -> Callable[[Points], Points]:
        """Hair goes with the head above, and rests on the shoulders below."""

        def forward(p: Points) -> Points:
            still = (p + CENTRE) * self._scale
            hold = 0.75 * smooth(p[..., 1], 40, 220)[..., None]
            return np.asarray(view(p, depth(p)) * (1 - hold) + still * hold)

        return forward

    def _standing(self, view: View, pose: Pose) -> Callable[[Points], Points]:
        """The neck goes a little with the head; shoulders rise with the breath."""

        def forward(p: Points) -> Points:
            still = p + CENTRE
            lift = smooth(p[..., 1], 110, 190) * pose.breath
            still = np.stack([still[..., 0] + lift * 0.008 * p[..., 0], still[..., 1] - 2.2 * lift], axis=-1)
            follow = 0.8 * (1 - smooth(p[..., 1], 50, 178))[..., None]
            return np.asarray(view(p, 10.0) * follow + still * self._scale * (1 - follow))

        return forward
