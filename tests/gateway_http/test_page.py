"""The page in a browser: a face that lives, answers and lives on; and who can help somebody in danger."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from empatheia.common.v1 import safety_pb2
from fastapi import Request
from fastapi.responses import HTMLResponse

from runtime.clients.in_process import InProcessTransport
from runtime.errors import ServiceDown
from runtime.settings import Settings
from services.avatar.service import AvatarService
from services.gateway.http import Dialogue, build_app
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem
from tests.gateway_http.fake import FakeDialogue

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGE = Path(__file__).parents[2] / "services/gateway/static/index.html"
UNTIL = """<script>
const until = async what => {
  for (let n = 0; n < 400 && !what(); n++) await new Promise(r => setTimeout(r, 50));
  return !!what();
};
</script>"""
DRIVER = """<script>
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


HELP_DRIVER = """<script>
(async () => {
  localStorage.clear();
  const say = async text => {
    $("text").value = text;
    $("form").requestSubmit();
    await until(() => !$("send").disabled);
    return [...document.querySelectorAll(".turn")].at(-1);
  };
  const said = { turns: [] };
  for (const text of ["in doubt", "told", "again", "it breaks", "other"]) {
    const turn = await say(text), card = turn.querySelector(".help"), words = turn.querySelector(".words");
    said.turns.push({
      card: card?.tagName.toLowerCase(), alert: !!card?.querySelector("[role=alert] li"),
      titles: [...turn.querySelectorAll(".step h2")].map(h => h.firstChild.textContent),
      busy: words.getAttribute("aria-busy"),
    });
  }
  const card = document.querySelector("section.help"), select = card.querySelector("select");
  const links = row => [...row.querySelectorAll("a")].map(a => a.getAttribute("href"));
  said.links = [...card.querySelectorAll("li")].map(links);
  said.chosen = select.selectedOptions[0].textContent;
  select.value = "ZZ";
  select.dispatchEvent(new Event("change"));
  said.general = await until(() => card.textContent.includes("where you live"));
  await say("later");
  const whole = window.fetch;
  window.fetch = (path, ...more) =>
    path.startsWith("v1/help") ? Promise.reject(new Error("no net")) : whole(path, ...more);
  select.value = "GB";
  select.dispatchEvent(new Event("change"));
  said.kept = await until(() => card.textContent.includes("no net")) && !!card.querySelector("li");
  await fetch("said", { method: "POST", body: JSON.stringify(said) });
})().catch(e => fetch("said", { method: "POST", body: JSON.stringify({ error: String(e) }) }));
</script>"""


async def drive(gateway: Dialogue, driver: str, folder: Path) -> dict[str, Any]:
    """Opens the page of a gateway in a browser, and returns what its driver tells."""
    app = build_app(gateway)
    said: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    @app.get("/driven")
    async def driven() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text() + UNTIL + driver)

    @app.post("/said")
    async def tell(request: Request) -> None:
        said.set_result(await request.json())

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    flags += [f"--user-data-dir={folder}", "--no-first-run", f"http://127.0.0.1:{port}/driven"]
    nowhere = asyncio.subprocess.DEVNULL
    assert BROWSER
    browser = await asyncio.create_subprocess_exec(
        BROWSER, *flags, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        async with asyncio.timeout(100):
            return await said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()
        server.should_exit = True
        await serving


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
    try:
        found = await drive(gateway, DRIVER, tmp_path)
    finally:
        await gateway.stop()
        await transport.stop()
    if not found.get("can", True):
        pytest.skip("this browser can't decode H.264")
    assert "error" not in found, found
    assert all(found[name] for name in ("lives", "hears", "turns", "answers", "lives_on")), found
    assert found["parts"] == 1, found
    assert 0.5 < found["after"] < 5
    assert found["text"]


LINES = (
    ("Samaritans", "116 123", "https://www.samaritans.org/"),
    ("SEJIWA", "119 ext 8", "javascript:alert(1)"),
    ("DV", "#8008", "https://["),
    ("SafeSpot", "888-SAFE-SPOT", ""),
    ("Shout", "", ""),
)
STAGES = {
    "in doubt": "doubt",
    "told": "first",
    "again": "ongoing",
    "it breaks": "ongoing",
    "other": "ongoing",
}


class Troubled(FakeDialogue):
    """Sees danger at a stage that the person's words name."""

    async def respond(self, request, call):
        self.script, self.fail_at = {}, {}
        if stage := STAGES.get(request.text):
            kind = "medical" if request.text == "other" else "self_harm"
            danger = safety_pb2.Safety(kind=kind, stage=stage)
            for name, number, url in LINES:
                danger.help.add(name=name, number=number, url=url, category="suicide")
            self.script = {"safety": danger}
        if request.text == "it breaks":
            self.fail_at = {"audio_header": ServiceDown("reasoning died", reason="DOWN")}
        async for response in super().respond(request, call):
            if response.event.HasField("perceived"):
                response.event.perceived.text = request.text
            yield response


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")
@pytest.mark.timeout(120)
async def test_who_can_help_is_shown_when_it_is_needed(tmp_path: Path) -> None:
    gateway = Troubled(tmp_path / "home")
    found = await drive(gateway, HELP_DRIVER, tmp_path / "browser")
    assert "error" not in found, found
    turns = found["turns"]
    assert [turn.get("card") for turn in turns] == [None, "section", "details", "details", "section"]
    assert [turn["alert"] for turn in turns] == [False, True, False, False, True]
    assert all(turn["busy"] == "false" for turn in turns)
    assert all("What you said" in turn["titles"] and "Why" not in turn["titles"] for turn in turns)
    assert found["links"] == [
        ["https://www.samaritans.org/", "tel:116123"],
        ["tel:119"],
        ["tel:%238008"],
        [],
        [],
    ]
    assert found["chosen"] == "choose"
    assert found["general"]
    assert found["kept"]
    later = gateway.requests[-1]
    assert later.options.country == "ZZ"
    reply = "I am so sorry. He was loved."
    said = [("it breaks", reply), ("other", reply)]
    assert [one.text for one in later.history][-4:] == [text for pair in said for text in pair]
    assert [one.emotion for one in later.history][-4:] == ["", "", "sad", ""]
