import asyncio
from collections.abc import Iterator

import pytest
from empatheia.common.v1 import dialogue_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import PERCEIVE
from runtime.settings import load_settings
from services.perception.service import PerceptionService
from tests.perception.samples import File, parts


class Perceive:
    """Calls a started service the way a client does."""

    def __init__(self, service: PerceptionService) -> None:
        self.service = service
        self._transport = InProcessTransport({"perception": service})

    async def responses(
        self, text: str, files: tuple[File, ...], history: tuple[dialogue_pb2.Utterance, ...]
    ) -> list[perception_pb2.PerceiveResponse]:
        async def requests():
            yield perception_pb2.PerceiveRequest(
                start=perception_pb2.PerceiveStart(text=text, history=history)
            )
            for index, file in enumerate(files):
                for part in parts(index, file):
                    yield perception_pb2.PerceiveRequest(media=part)

        return [r async for r in self._transport.stream(PERCEIVE, requests(), CallKey("turn", "perceive"))]

    async def __call__(
        self, text: str = "", *files: File, history: tuple[dialogue_pb2.Utterance, ...] = ()
    ) -> perception_pb2.Perception:
        last = (await self.responses(text, files, history))[-1]
        assert last.WhichOneof("part") == "perception"
        return last.perception


@pytest.fixture(scope="session")
def service() -> Iterator[PerceptionService]:
    service = PerceptionService(load_settings("embedded"))
    asyncio.run(service.start())
    yield service
    asyncio.run(service.stop())


@pytest.fixture
def perceive(service: PerceptionService) -> Perceive:
    return Perceive(service)
