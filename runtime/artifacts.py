"""The artifact store: media, tensors and streams of a turn, referred to by URI.

A local folder by default; any `fsspec` URL (S3, GCS, ...) in a cluster. A file appears whole or not at all.
"""

import asyncio
import re
import uuid
from pathlib import Path
from typing import Any

import fsspec

from runtime.errors import InvalidInput, UnknownName
from runtime.settings import Settings

_TURN_ID = re.compile(r"[0-9a-f]{32}")


def new_turn_id() -> str:
    """A fresh id: 32 hex digits."""
    return uuid.uuid4().hex


class ArtifactStore:
    """Files of turns, by turn id and name."""

    def __init__(self, settings: Settings) -> None:
        """Opens the store that settings name.

        Raises:
            InvalidInput: The store can't be opened.
        """
        url = settings.artifacts or (settings.home / "artifacts").as_uri()
        try:
            self._fs, self._root = fsspec.url_to_fs(url)
            self._fs.makedirs(self._root, exist_ok=True)
        except (OSError, ValueError, ImportError) as error:
            raise InvalidInput.of("artifacts", f"can't open {url}: {error}", reason="BAD_SETTING") from error
        self._protocol = url.partition("://")[0]

    async def write(self, turn_id: str, name: str, data: bytes) -> str:
        """Stores a file of a turn.

        Returns:
            Its URI.
        """
        path = self._path(turn_id, name)
        await asyncio.to_thread(self._write, path, data)
        return f"{self._protocol}://{path}"

    async def read(self, turn_id: str, name: str) -> bytes:
        """Reads a file of a turn.

        Raises:
            UnknownName: There is no such file.
        """
        path = self._path(turn_id, name)
        try:
            data: bytes = await asyncio.to_thread(self._fs.cat_file, path)
        except FileNotFoundError:
            raise UnknownName(f"turn {turn_id} has no {name}", reason="UNKNOWN_ARTIFACT") from None
        return data

    async def exists(self, turn_id: str, name: str) -> bool:
        """Whether a turn has a file of that name."""
        return bool(await asyncio.to_thread(self._fs.exists, self._path(turn_id, name)))

    def local_path(self, turn_id: str, name: str) -> Path | None:
        """The file on this machine; None if the store is remote or has no such file."""
        path = Path(self._path(turn_id, name))
        return path if self._protocol == "file" and path.is_file() else None

    def _path(self, turn_id: str, name: str) -> str:
        if not _TURN_ID.fullmatch(turn_id):
            raise InvalidInput.of("turn_id", "must be 32 hex digits", reason="BAD_TURN_ID")
        return f"{self._root}/turns/{turn_id}/{name}"

    def _write(self, path: str, data: bytes) -> None:
        self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        temporary = f"{path}.{uuid.uuid4().hex}.part"
        filesystem: Any = self._fs
        try:
            filesystem.pipe_file(temporary, data)
            filesystem.mv(temporary, path)
        except BaseException:
            if filesystem.exists(temporary):
                filesystem.rm(temporary)
            raise
