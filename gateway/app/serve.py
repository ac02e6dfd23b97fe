"""`hoop-gateway serve`: open the House, say that it is ready, reload on SIGHUP, stop on SIGTERM or Ctrl-C."""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from gateway.app.config_file import LoadedConfig, load_config
from gateway.app.house import House
from gateway.app.logs import set_up_logs
from gateway.app.settling import settle_in
from gateway.core.errors import HoopError, Misconfigured

log = logging.getLogger("hoop")

USAGE = 2


def run(path: Path) -> int:
    """Serve until told to stop. Returns 0, or 2 with a sentence when the configuration can not be used."""
    try:
        config = load_config(path)
        set_up_logs()
        return asyncio.run(_serve(path, config))
    except Misconfigured as problem:
        print(problem.sentence, file=sys.stderr)
        return USAGE
    except HoopError as problem:
        print(f"hoop-gateway: {problem.sentence}", file=sys.stderr)
        return 1


async def _serve(path: Path, config: LoadedConfig) -> int:
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    house = await House.open(config)
    house.consoles.warm()
    settle_in()
    try:
        doors = ", ".join(f"{name} on port {port}" for name, port in sorted(house.ports.items()))
        log.info("ready: %s", doors or "no door is open")
        tell_systemd("READY=1")
        await _until_stopped(house, path, stop, reload)
    finally:
        tell_systemd("STOPPING=1")
        await house.stop()
    log.info("stopped")
    return 0


async def _until_stopped(house: House, path: Path, stop: asyncio.Event, reload: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    while not stopping.done():
        reloading = asyncio.create_task(reload.wait())
        await asyncio.wait([stopping, reloading], return_when=asyncio.FIRST_COMPLETED)
        reloading.cancel()
        if reload.is_set() and not stopping.done():
            reload.clear()
            await house.reload(path)


def tell_systemd(message: str) -> None:
    """Tell a service manager that asked for it (`Type=notify`); do nothing where none did."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError as problem:
            log.warning("could not tell the service manager: %s", problem.strerror)
