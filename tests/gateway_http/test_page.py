"""The page in a browser: a face that lives, answers on the same clock, and lives on."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import pytest
import uvicorn
from fastapi import Request
from fastapi.responses import HTMLResponse

from runtime.clients.in_process import InProcessTransport
from runtime.settings import Settings
from services.avatar.service import AvatarService
from services.gateway.http import build_app
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = Path(__file__).parents[2] / "services/gateway/static/index.html"
DRIVER = """<script>
const until = async what => {
  for (let n = 0; n < 400 && !what(); n++) await new Promise(r => setTimeout(r, 50));
  return !!what();
};
(async () => {
  const said = { can: MediaSource.isTypeSupported('video/mp4; codecs="avc1.42C01E, mp4a.40.2"') };
  if (said.can) {
    said.lives = await until(() => face.video.currentTime > .5);
    const voice = new AudioContext(), hum = voice.createOscillator();
    const wire = voice.createMediaStreamDestination();
    hum.connect(wire); hum.start();
    const heard = hear(wire.stream);
    let sent = 0;
    const send = face.socket.send.bind(face.socket);
    face.socket.send = data => { sent += data.length; send(data); };
    said.hears = await until(() => sent > 4000);
    heard.close();
    $("text").value = "My dog died.";
    $("form").requestSubmit();
    said.turns = await until(() => face.reply?.seen);
    const start = face.reply?.start;
    said.answers = await until(() => face.video.currentTime > start + .3);
    said.lives_on = await until(() => face.offset > start && face.video.currentTime > face.offset + .3);
    said.after = face.offset - start;
    said.parts = face.buffer?.buffered.length;
    said.text = document.querySelector(".words")?.textContent;
    said.error = face.video.error?.message;
  }
  await fetch("said", { method: "POST", body: JSON.stringify(said) });
})().catch(e => fetch("said", { method: "POST", body: JSON.stringify({ error: String(e) }) }));
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
@pytest.mark.timeout(120)
async def test_the_face_lives_answers_and_lives_on(settings: Settings, tmp_path: Path) -> None:
    own = settings.service("avatar")
    small = own.model_copy(update={"options": {"size": 128}})
    settings = settings.model_copy(update={"services": settings.services | {"avatar": small}})
    system = FakeSystem(settings)
    services = (
        system.perception,
        system.safety,
        system.reasoning,
        system.synchronizer,
        system.disentangler,
        system.speech,
    )
    parts = {service.name: service for service in services} | {"avatar": AvatarService(settings)}
    transport = InProcessTransport(parts)
    await transport.start()
    gateway = DialogueService(settings, transport)
    await gateway.start()
    app = build_app(gateway)
    said: asyncio.Future[dict] = asyncio.get_running_loop().create_future()

    @app.get("/driven")
    async def driven() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text() + DRIVER)

    @app.post("/said")
    async def tell(request: Request) -> None:
        said.set_result(await request.json())

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    flags += [f"--user-data-dir={tmp_path}", "--no-first-run", f"http://127.0.0.1:{port}/driven"]
    nowhere = asyncio.subprocess.DEVNULL
    assert BROWSER
    browser = await asyncio.create_subprocess_exec(
        BROWSER, *flags, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        async with asyncio.timeout(100):
            found = await said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()
        server.should_exit = True
        await serving
        await gateway.stop()
        await transport.stop()
    if not found.get("can", True):
        pytest.skip("this browser can't decode H.264")
    assert "error" not in found, found
    assert all(found[name] for name in ("lives", "hears", "turns", "answers", "lives_on")), found
    assert found["parts"] == 1, found
    assert 0.5 < found["after"] < 5
    assert found["text"]
