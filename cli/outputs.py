"""Writes a reply into a folder from the events of its turn: all of it, or nothing."""

import os
import shutil
import struct
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from empatheia.dialogue.v1 import dialogue_pb2

from cli.runfile import write_json
from runtime.errors import InvalidInput
from runtime.reply import reply_json

MIN_FREE_BYTES = 64 * 1024 * 1024
"""Room that must be left before a turn is begun; a minute of reply takes about 10 MB."""

_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def check_folder(folder: Path) -> None:
    """Makes the output folder, and makes sure that files can be written into it.

    Raises:
        InvalidInput: They can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InvalidInput.of(
            "--output", f"{folder} can't be written: {error.strerror}", reason="BAD_OUTPUT"
        ) from error
    if free < MIN_FREE_BYTES:
        raise InvalidInput.of(
            "--output",
            f"only {free / 1e6:.0f} MB are free in {folder}; {MIN_FREE_BYTES / 1e6:.0f} MB are needed",
            reason="DISK_FULL",
        )


class ReplyWriter:
    """Collects speech and video in hidden files, which get their names when the reply is complete."""

    def __init__(self, folder: Path) -> None:
        """Prepares to write into a folder that `check_folder` has passed."""
        self._folder = folder
        self._open: dict[str, IO[bytes]] = {}
        self._rate = 0

    def add(self, event: dialogue_pb2.TurnEvent) -> None:
        """Takes the next event; those without media are ignored."""
        match event.WhichOneof("event"):
            case "audio_header":
                self._rate = event.audio_header.sample_rate
                self._file("reply.wav")
            case "audio":
                self._add_audio(event.audio.pts_s, event.audio.data)
            case "video_header":
                video = self._file("reply.mp4")
                video.seek(0)
                video.truncate()
            case "video":
                self._file("reply.mp4").write(event.video.data)

    def finish(self, reply: dialogue_pb2.Reply) -> dict[str, Any]:
        """Names the files and writes `reply.json` beside them, last.

        Files of an earlier reply that this one lacks are removed, so that the folder holds one reply.

        Returns:
            What was written into `reply.json`.
        """
        self._finish_wav()
        self._name("reply.wav", reply.HasField("speech"))
        self._name("reply.mp4", reply.HasField("video"))
        content = reply_json(reply, speech_path="reply.wav", video_path="reply.mp4")
        write_json(self._folder / "reply.json", content)
        return content

    def __enter__(self) -> "ReplyWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()
            with suppress(FileNotFoundError):
                os.unlink(file.name)  # noqa: PTH108 - the name of an open file is a text

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._open:
            self._open[name] = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by __exit__
                dir=self._folder, prefix=f".{name}.", delete=False
            )
        return self._open[name]

    def _add_audio(self, pts_s: float, data: bytes) -> None:
        # Placed by the speech clock: a gap becomes silence, a segment sent again replaces itself.
        file = self._file("reply.wav")
        file.seek(_WAV_HEADER.size + 2 * round(pts_s * self._rate))
        file.write(data)

    def _finish_wav(self) -> None:
        file = self._open.get("reply.wav")
        if file is None:
            return
        size = max(0, file.seek(0, os.SEEK_END) - _WAV_HEADER.size)
        form = (b"fmt ", 16, 1, 1, self._rate, 2 * self._rate, 2, 16)
        file.seek(0)
        file.write(_WAV_HEADER.pack(b"RIFF", 36 + size, b"WAVE", *form, b"data", size))

    def _name(self, name: str, wanted: bool) -> None:
        target = self._folder / name
        file = self._open.get(name)
        if not wanted or file is None:
            target.unlink(missing_ok=True)
            return
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        Path(file.name).replace(target)
