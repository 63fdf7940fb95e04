"""`growthos dev`: Dagster's UI and daemon, up and down."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PATIENCE = 120


def test_the_ui_starts_and_stops(warehouse_url: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log_file = tmp_path / "log"
    arguments = [BIN / "growthos", "dev", "--port", str(port)]
    with (
        log_file.open("w") as log,
        subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log, start_new_session=True) as server,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(f"http://127.0.0.1:{port}/server_info"):
                assert server.poll() is None, log_file.read_text()
                assert time.monotonic() < deadline, log_file.read_text()
                time.sleep(0.1)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGINT)
        server.wait(PATIENCE)
    assert f"Dagster UI: http://127.0.0.1:{port}" in log_file.read_text()
    assert not answers(f"http://127.0.0.1:{port}/server_info")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as page:
            return page.status == 200
    except OSError:
        return False
