"""The stream plays in a browser as it comes, through MediaSource."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from runtime.clients.transport import CallKey
from runtime.rpc import RENDER
from tests.avatar.support import requests, speech

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = """<video id=v muted></video><script>
const say = r => fetch("/said", {method: "POST", body: JSON.stringify(r)});
(async () => {
  const type = await (await fetch("/type")).text();
  if (!MediaSource.isTypeSupported(type)) return say({unsupported: type});
  const source = new MediaSource();
  v.src = URL.createObjectURL(source);
  v.onerror = () => say({error: v.error.message});
  await new Promise(r => source.onsourceopen = r);
  const buffer = source.addSourceBuffer(type);
  v.onended = () => say({duration: v.duration, at: v.currentTime, width: v.videoWidth,
                         pictures: v.getVideoPlaybackQuality().totalVideoFrames});
  for (let n = 0; ; n++) {
    const got = await fetch("/chunk/" + n);
    if (!got.ok) break;
    buffer.appendBuffer(await got.arrayBuffer());
    await new Promise(r => buffer.onupdateend = r);
    if (n == 0) v.play();
  }
  source.endOfStream();
})().catch(e => say({error: String(e)}));
</script>"""


async def serve(pages: dict[str, bytes], said: asyncio.Future[dict]) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        if path == "/said":
            length = next(
                int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")
            )
            if not said.done():
                said.set_result(json.loads(await reader.readexactly(length)))
        body, status = pages.get(path, b""), "200 OK" if path in (*pages, "/said") else "404 Not Found"
        kind = "text/html" if path == "/" else "application/octet-stream"
        writer.write(
            f"HTTP/1.0 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
async def test_fragments_play_through_media_source(avatar, tmp_path: Path) -> None:
    segment, samples = speech(2)
    stream = avatar.stream(RENDER, requests(samples, segment, size=128), CallKey("turn", "render"))
    responses = [response async for response in stream]
    chunks = [response.chunk.data for response in responses[1:-1]]
    pages = {"/": PAGE.encode(), "/type": responses[0].header.mime_type.encode()}
    pages |= {f"/chunk/{n}": data for n, data in enumerate(chunks)}
    said: asyncio.Future[dict] = asyncio.get_running_loop().create_future()
    server = await serve(pages, said)
    port = server.sockets[0].getsockname()[1]
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    flags += [f"--user-data-dir={tmp_path}", "--no-first-run", f"http://127.0.0.1:{port}/"]
    nowhere = asyncio.subprocess.DEVNULL
    assert BROWSER
    # Its own group, so that all its processes end with it.
    browser = await asyncio.create_subprocess_exec(
        BROWSER, *flags, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        async with asyncio.timeout(90):
            found = await said
    finally:
        _end(browser)
        await browser.wait()
        server.close()
    if "unsupported" in found:
        pytest.skip(f"this browser can't decode {found['unsupported']}")
    assert "error" not in found, found
    summary = responses[-1].summary
    assert found["width"] == 128
    assert found["duration"] == pytest.approx(summary.duration_s, abs=0.1)
    assert found["at"] == pytest.approx(found["duration"], abs=0.1)
    assert found["pictures"] > 0.7 * summary.frames


def _end(browser: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(browser.pid, signal.SIGKILL)
