import asyncio

import pytest

from runtime.clients.in_process import InProcessTransport
from runtime.settings import load_settings
from services.avatar.service import AvatarService


@pytest.fixture(scope="session")
def avatar() -> InProcessTransport:
    service = AvatarService(load_settings("embedded"))
    asyncio.run(service.start())
    return InProcessTransport({"avatar": service})
