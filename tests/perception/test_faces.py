"""A face is followed from still to still, and lost, and found again."""

import numpy as np
import pytest

from services.perception.modalities import expressions, faces
from tests.perception.samples import face, scene


def grey(picture: np.ndarray) -> faces.Grey:
    return picture.mean(axis=2).astype(np.uint8)


class Counting(faces.Finder):
    def __init__(self) -> None:
        super().__init__()
        self.full = 0

    def find(self, grey: faces.Grey) -> list[faces.Box]:
        self.full += 1
        return super().find(grey)


def test_a_face_that_moves_is_followed_without_searching_the_whole_still() -> None:
    finder = Counting()
    track = faces.Track(finder)
    for step in range(8):
        box = track.next(grey(face(centre=(150 + 4 * step, 120))))
        assert box is not None
        assert box.x + box.side / 2 == pytest.approx(150 + 4 * step, abs=12)
    assert finder.full == 1


def test_the_whole_still_is_searched_now_and_then() -> None:
    finder = Counting()
    track = faces.Track(finder)
    for _ in range(21):
        track.next(grey(face()))
    assert finder.full == 3


def test_a_face_that_jumps_is_found_again_and_one_that_leaves_is_gone() -> None:
    track = faces.Track(faces.Finder())
    track.next(grey(face(centre=(80, 120))))
    jumped = track.next(grey(face(centre=(240, 120))))
    assert jumped is not None
    assert jumped.x + jumped.side / 2 == pytest.approx(240, abs=15)
    assert track.next(grey(scene())) is None


def test_followed_and_searched_boxes_agree() -> None:
    finder = faces.Finder()
    still = grey(face())
    whole = finder.find(still)[0]
    near = finder.find_near(still, whole)
    assert near is not None
    assert abs(near.x - whole.x) <= 0.1 * whole.side
    assert near.side == pytest.approx(whole.side, rel=0.1)


@pytest.mark.parametrize(
    ("rival", "kept"),
    [
        (faces.Box(100, 60, 80, 3.0), False),
        (faces.Box(100, 60, 80, 1.0), True),
        (faces.Box(0, 60, 80, 3.0), True),
    ],
    ids=["clearer upside down", "clearer upright", "elsewhere"],
)
def test_what_is_a_clearer_face_upside_down_is_none(
    monkeypatch: pytest.MonkeyPatch, rival: faces.Box, kept: bool
) -> None:
    """The still is 240 high: turned over, a box at 60 lies at 100."""
    seen = iter([[faces.Box(110, 110, 80, 2.0)], [rival]])
    monkeypatch.setattr(faces.Finder, "_everywhere", lambda *_: next(seen, []))
    assert bool(faces.Finder().find(grey(scene()))) == kept


def test_what_the_first_way_misses_is_looked_for_in_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def everywhere(self: faces.Finder, still: faces.Grey, way: int) -> list[faces.Box]:
        asked.append(way)
        return [faces.Box(110, 110, 80, 2.0, way)] if asked == [0, 1] else []

    monkeypatch.setattr(faces.Finder, "_everywhere", everywhere)
    assert [box.way for box in faces.Finder().find(grey(scene()))] == [1]
    assert asked == [0, 1, 1]


def test_a_face_at_the_edge_of_the_picture_is_described() -> None:
    """What lies outside repeats the edge, so a box beyond it is as good as the same picture continued."""
    still = grey(face())
    whole = expressions.features(np.pad(still, 60, mode="edge"), 40, 100, 120)
    cut = expressions.features(still, -20, 40, 120)
    assert cut == pytest.approx(whole, abs=1e-4)
    assert cut.shape == (2 * (7 + 2 * 128),)
    assert np.isfinite(cut).all()


def test_a_face_that_the_edges_cut_off_is_found_with_a_border_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ways to look see a face only if there is room around it."""
    finder = faces.Finder()

    def roomy(framed: faces.Grey, way: int) -> list[faces.Box]:
        return [faces.Box(25, 35, 90), faces.Box(0, 0, 30)] if way == 1 and framed.shape == (150, 150) else []

    monkeypatch.setattr(finder, "_upright", roomy)
    assert finder.find(np.full((100, 100), 128, np.uint8)) == [faces.Box(0, 10, 90)]
