import asyncio
from pathlib import Path

import pytest

from runtime.artifacts import ArtifactStore, new_turn_id
from runtime.errors import InvalidInput, UnknownName
from runtime.settings import Settings

TURN = "0123456789abcdef" * 2


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_was_written_is_read(settings: Settings) -> None:
    store = ArtifactStore(settings)
    uri = await store.write(TURN, "streams/speech.pb", b"sound")
    assert uri.startswith("file://")
    assert await store.read(TURN, "streams/speech.pb") == b"sound"
    assert await store.exists(TURN, "streams/speech.pb")
    path = store.local_path(TURN, "streams/speech.pb")
    assert path is not None
    assert path.read_bytes() == b"sound"


async def test_a_store_of_another_kind_serves_as_well(settings: Settings) -> None:
    store = ArtifactStore(settings.model_copy(update={"artifacts": "memory://empatheia"}))
    await store.write(TURN, "reply.wav", b"sound")
    assert await store.read(TURN, "reply.wav") == b"sound"
    assert store.local_path(TURN, "reply.wav") is None


async def test_what_is_not_there_is_named(settings: Settings) -> None:
    store = ArtifactStore(settings)
    with pytest.raises(UnknownName, match=r"has no reply\.mp4"):
        await store.read(TURN, "reply.mp4")
    assert not await store.exists(TURN, "reply.mp4")


@pytest.mark.parametrize("turn_id", ["", "..", "../../etc", TURN + "0", TURN.upper()])
async def test_an_id_leads_nowhere_else(settings: Settings, turn_id: str) -> None:
    with pytest.raises(InvalidInput, match="32 hex digits"):
        await ArtifactStore(settings).read(turn_id, "passwd")


async def test_nothing_half_written_is_left(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ArtifactStore(settings)

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(store._fs, "mv", full)
    with pytest.raises(OSError, match="no space"):
        await store.write(TURN, "reply.wav", b"sound")
    assert not await asyncio.to_thread(files_below, settings.home)


def test_new_ids_fit_and_differ() -> None:
    ids = {new_turn_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(turn_id) == 32 for turn_id in ids)
