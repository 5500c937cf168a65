"""A real server on a real port, in this process or in one of its own, for those who speak to it over a socket."""

import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from app.config import Settings
from app.main import create_app


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The address of a server that is up; it is down again afterwards."""
    config = uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended while it started"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    """A port that nobody listens on, for a server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(
    command: Sequence[str | Path],
    port: int,
    environment: Mapping[str, str],
    folder: Path,
    is_up: "Callable[[], bool] | None" = None,
) -> Iterator[str]:
    """The address of a server in a process of its own, once it answers; ended by SIGTERM afterwards, as it must be."""
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        command, env={**environment, "ALIKE_PORT": str(port)}, cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        while not (is_up or (lambda: _answers(address)))():
            assert server.poll() is None, "the server ended while it started"
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        assert server.wait(timeout=20) in {0, -signal.SIGTERM}


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/healthz", timeout=1).close()
    except OSError:
        return False
    return True
