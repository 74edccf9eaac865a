"""Stands in for the system on Ray: one fake gateway behind the gRPC port."""

import asyncio
import os
import subprocess
import threading
import time


class LocalSystem:
    def __init__(self, settings):
        self.settings = settings

    def start(self, progress):
        from runtime.errors import ServiceDown, WeightsMissing
        from runtime.hosting.bare import BareHost
        from tests.gateway_http.fake import FakeDialogue

        mood = os.environ.get("FAKE_SYSTEM", "")
        for name in ("speech", "gateway"):
            progress(name, "starting")
            if mood == "slow":
                time.sleep(20)
            if mood == "broken":
                progress(name, "failed: no voice")
                raise ServiceDown("speech could not start: no voice", reason="START_FAILED")
            if mood == "no weights":
                raise WeightsMissing("no weights; run: empatheia models fetch x", reason="WEIGHTS_MISSING")
            if mood == "crash":
                os._exit(7)
            progress(name, "ready")
        if mood == "orphan":
            subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

        async def host():
            host = BareHost(FakeDialogue(), f"127.0.0.1:{self.settings.serve.grpc_port}")
            await host.start()
            return host

        self.host = asyncio.run_coroutine_threadsafe(host(), self.loop).result()

    def stop(self):
        if os.environ.get("FAKE_SYSTEM") == "stubborn":
            time.sleep(60)
        if hasattr(self, "host"):
            asyncio.run_coroutine_threadsafe(self.host.stop(0), self.loop).result()
