"""A real Vault or OpenBao server for tests: in memory, on 127.0.0.1, gone at the end; and its operator."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

PROGRAM = os.environ.get("VAULT_PROGRAM") or shutil.which("bao") or shutil.which("vault") or ""
_PATIENCE = 60.0


class RealVault:
    """`start`, use, `stop`. `operator` may do everything."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._root = f"root-{secrets.token_urlsafe(12)}"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self._http = httpx2.Client(trust_env=False, timeout=30, headers={"X-Vault-Token": self._root})

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        environ = {"PATH": os.environ["PATH"], "HOME": str(self._directory)}
        for name in ("VAULT", "BAO"):
            environ[f"{name}_DEV_ROOT_TOKEN_ID"] = self._root
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up_at = time.monotonic() + _PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError((self._directory / "log").read_text()[-2000:])
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        """The key-value engine of the development mode is mounted last."""
        try:
            return self._http.get(f"{self.address}/v1/secret/config").status_code == 200
        except httpx2.HTTPError:
            return False

    def stop(self) -> None:
        process, self._process = self._process, None
        self._http.close()
        if process is None:
            return
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def operator(self, method: str, path: str, **body: Any) -> Mapping[str, Any]:
        """Do something as its operator, which must work."""
        answer = self._http.request(method, f"{self.address}/v1/{path}", json=body or None)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return dict(answer.json()) if answer.content else {}
