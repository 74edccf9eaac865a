"""The renderer's three networks together."""

from torch import Tensor, nn

from services.avatar.backends.dreamtalk.config import RendererConfig
from services.avatar.backends.dreamtalk.renderer.editing import EditingNet
from services.avatar.backends.dreamtalk.renderer.mapping import MappingNet
from services.avatar.backends.dreamtalk.renderer.warping import WarpingNet


class FaceGenerator(nn.Module):
    """Draws a portrait in motion. `warpping_net` is spelt as in the public weights."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.mapping_net = MappingNet(config)
        self.warpping_net = WarpingNet(config)
        self.editing_net = EditingNet(config)

    def forward(self, image: Tensor, window: Tensor) -> Tensor:
        """Draws pictures.

        Args:
            image: Portraits, (batch, 3, size, size), -1 to 1.
            window: Motion around each picture, (batch, motion, 2 * radius + 1).

        Returns:
            (batch, 3, size, size), -1 to 1.
        """
        z = self.mapping_net(window)
        _, warped = self.warpping_net(image, z)
        picture: Tensor = self.editing_net(image, warped, z)
        return picture
