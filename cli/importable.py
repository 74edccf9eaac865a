"""The models that `empatheia models import` takes from files: where each is read, and kept."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Importable:
    """A model whose weights the user brings."""

    service: str
    importer: str
    """`module:function` of its service: takes the path, and the folder to write."""
    option: str
    """The backend's option that names the folder."""
    holds: str
    """What the path must hold."""
    licence: str
    needs: str
    """The group of dependencies that the importer needs."""

    def folder(self, name: str, home: Path) -> Path:
        """Where the model is kept."""
        return home / "models" / name


IMPORTABLE: dict[str, Importable] = {
    "styletts2": Importable(
        "speech",
        "services.speech.backends.styletts2.importer:run",
        "model",
        "the .pth file with its config.yml beside it",
        "code MIT; weights: listeners must be told that the voice is synthetic",
        "styletts2",
    ),
    "dreamtalk": Importable(
        "avatar",
        "services.avatar.backends.dreamtalk.importer:run",
        "weights",
        "denoising_network.pth, renderer.pt and a folder wav2vec2-large-xlsr-53-english",
        "non-commercial; not public, ask its authors",
        "dreamtalk",
    ),
}
