"""Finds DreamTalk's files in a folder, and takes them over."""

from pathlib import Path

from runtime.errors import InvalidInput
from services.avatar.backends.dreamtalk.checkpoint import import_checkpoint

_CLIPS = (".mat", ".npy")


def run(path: Path, into: Path) -> None:
    """Imports what lies in a folder.

    Args:
        path: Holds `denoising_network.pth`, `renderer.pt` and one folder whose name begins with `wav2vec2`;
            perhaps also `styles/` with clips EMOTION.mat or EMOTION.npy, and a clip of a moving head,
            `pose.mat` or `pose.npy`.
        into: Folder to make.

    Raises:
        InvalidInput: A file is missing, or can't be used.
    """
    features = next((one for one in sorted(path.glob("wav2vec2*")) if one.is_dir()), None)
    needed = {"denoising_network.pth": path / "denoising_network.pth", "renderer.pt": path / "renderer.pt"}
    lacking = [name for name, file in needed.items() if not file.is_file()]
    if features is None:
        lacking.append("a folder wav2vec2-large-xlsr-53-english")
    if lacking or features is None:
        raise InvalidInput.of(str(path), f"lacks {', '.join(lacking)}", reason="BAD_CHECKPOINT")
    clips = [clip for clip in sorted((path / "styles").glob("*")) if clip.suffix in _CLIPS]
    pose = next((clip for kind in _CLIPS if (clip := path / f"pose{kind}").is_file()), None)
    import_checkpoint(
        into,
        denoiser=needed["denoising_network.pth"],
        renderer=needed["renderer.pt"],
        features=features,
        styles={clip.stem: clip for clip in clips},
        pose=pose,
    )
