import numpy as np
import pytest

from services.avatar.drawing.geometry import HeadShape, View
from services.avatar.drawing.mouth import mouth_lines
from services.avatar.drawing.painter import Painter, Picture
from services.avatar.profiles.schema import FOLDER, load_profiles
from services.avatar.rig import SHAPES, Pose

PROFILES = load_profiles([FOLDER])
SIZE = 128


@pytest.fixture(scope="module", params=sorted(PROFILES))
def painted(request):
    return PROFILES[request.param], Painter(PROFILES[request.param], SIZE)


def draw(painter, **weights):
    pose = Pose()
    for name, weight in weights.items():
        pose[name] = weight
    return painter.draw(pose, Picture(painter))[..., :3].astype(float)


def test_each_avatar_is_drawn_and_can_blink_and_speak(painted):
    _, painter = painted
    rest = draw(painter)
    assert painter.draw(Pose(), Picture(painter))[..., 3].min() == 255
    blink = np.abs(draw(painter, eyeBlinkLeft=1, eyeBlinkRight=1) - rest).mean(axis=2)
    speech = np.abs(draw(painter, jawOpen=0.8) - rest).mean(axis=2)
    assert blink[45:75].max() > 30
    assert speech[80:112].max() > 30
    # A blink leaves the mouth alone, and both leave the corners of the picture alone.
    assert blink[85:].max() == 0
    assert speech[:20, :20].max() == 0


def test_shut_eyes_show_no_white(painted):
    _, painter = painted

    def white(picture):
        eyes = np.concatenate([picture[56:64, 44:59], picture[56:64, 69:84]])
        return int(np.sum((np.ptp(eyes, axis=2) < 36) & (eyes.max(axis=2) > 150)))

    rest = white(draw(painter))
    assert rest > 12
    assert white(draw(painter, eyeBlinkLeft=1, eyeBlinkRight=1)) < 0.15 * rest


def test_mouth_stays_inside_the_face(painted):
    profile, _ = painted
    shape = HeadShape(profile.head)
    for jaw in (0.0, 0.5, 1.0):
        for name in ("mouthSmile", "mouthStretch", "mouthFrown"):
            pose = Pose()
            pose["jawOpen"] = jaw
            pose.set_both(name, 1.0)
            lines = mouth_lines(shape, pose)
            half = np.interp(lines.outer_upper[:, 1], shape.outline[:10, 1], shape.outline[:10, 0])
            assert np.all(np.abs(lines.outer_upper[:, 0]) < half)
            chin = shape.chin_y + shape.expression(np.array([[0.0, shape.chin_y]]), pose)[0, 1]
            assert lines.outer_lower[:, 1].max() < chin - 8


def test_lips_never_cross():
    rng = np.random.default_rng(0)
    shape = HeadShape(PROFILES["mira"].head)
    for _ in range(300):
        pose = Pose(shapes=rng.uniform(0, 1, 52) * (rng.uniform(0, 1, 52) < 0.4))
        lines = mouth_lines(shape, pose)
        assert np.all(lines.inner_lower[:, 1] >= lines.inner_upper[:, 1] - 1e-9)
        assert np.all(lines.outer_lower[:, 1] >= lines.inner_lower[:, 1] - 1e-9)
        assert np.all(lines.outer_upper[:, 1] <= lines.inner_upper[:, 1] + 1e-9)


def test_near_parts_move_further_when_the_head_turns():
    view = View(Pose(yaw=8.0), 1.0)
    rest = View(Pose(), 1.0)
    point = np.array([[0.0, 0.0]])
    near = (view(point, 90.0) - rest(point, 90.0))[0, 0]
    far = (view(point, 0.0) - rest(point, 0.0))[0, 0]
    assert near > far + 8


def test_expressions_are_told_apart(painted):
    _, painter = painted
    faces = [
        draw(painter),
        draw(painter, mouthSmileLeft=0.8, mouthSmileRight=0.8),
        draw(painter, mouthFrownLeft=0.8, mouthFrownRight=0.8, browInnerUp=0.8),
        draw(painter, browOuterUpLeft=0.9, browOuterUpRight=0.9, eyeWideLeft=0.9, eyeWideRight=0.9),
    ]
    for i, one in enumerate(faces):
        for other in faces[:i]:
            assert np.abs(one - other).max() > 40


def test_copying_a_profile_makes_an_avatar(tmp_path):
    text = (FOLDER / "mira.yaml").read_text().replace("name: Mira", "name: Nora")
    (tmp_path / "nora.yaml").write_text(text)
    found = load_profiles([FOLDER, tmp_path])
    assert found["nora"].name == "Nora"
    assert next(iter(found)) == "mira"


def test_each_of_the_52_shapes_moves_something():
    painter = Painter(PROFILES["jonas"], SIZE)
    open_mouth = {"mouthClose": {"jawOpen": 0.5}, "tongueOut": {"jawOpen": 0.5}}
    for name in SHAPES:
        with_it = open_mouth.get(name, {})
        change = np.abs(draw(painter, **{name: 1.0}, **with_it) - draw(painter, **with_it)).max()
        assert change > 20, name
