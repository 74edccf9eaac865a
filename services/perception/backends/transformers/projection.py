"""The projection of what was heard and seen into the language model's space.

As in the released baseline: one linear layer for both modalities where their encoders are equally wide (there
ImageBind, 1024 into the 4096 of Vicuna-7B), else one each. It takes one vector per utterance and modality.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from runtime.errors import InvalidInput, WeightsMissing

_WHERE = "services.perception.options.projection"


class Projection(torch.nn.Module):
    """Linear layers by modality, "speech" and "face"."""

    def __init__(self, speech: int, face: int, width: int) -> None:
        """Draws new weights.

        Args:
            speech: Width of the speech encoder.
            face: Width of the face encoder.
            width: Width of the language model.
        """
        super().__init__()
        self.speech = torch.nn.Linear(speech, width)
        self.face = self.speech if speech == face else torch.nn.Linear(face, width)

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors; a layer that both share is written once."""
        shared = self.speech is self.face
        own = {
            k: v.contiguous() for k, v in self.state_dict().items() if not (shared and k.startswith("face"))
        }
        save_file(own, path)

    @classmethod
    def load(cls, path: Path, speech: int, face: int) -> "Projection":
        """Reads what `save` wrote.

        Raises:
            WeightsMissing: There is no such file.
            InvalidInput: It is for encoders of another width.
        """
        try:
            weights = load_file(path)
        except (OSError, SafetensorError) as error:
            raise WeightsMissing(
                f"{_WHERE}: {path} can't be loaded; name a file of `Projection.save`, or leave it out",
                reason="WEIGHTS_MISSING",
            ) from error
        weights |= {
            k.replace("speech", "face"): v for k, v in weights.items() if "face.weight" not in weights
        }
        try:
            projection = cls(speech, face, weights["speech.weight"].shape[0])
            projection.load_state_dict(weights)
        except (KeyError, RuntimeError) as error:
            raise InvalidInput.of(
                _WHERE, f"{path} is not for encoders of width {speech} and {face}", reason="WRONG_MODEL"
            ) from error
        return projection.eval().requires_grad_(False)
