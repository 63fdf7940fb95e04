"""Plain `dagster dev` in the project's folder: the same UI over the same data. (tests/graph drives `growthos dev`.)"""

import json
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


def test_plain_dagster_dev_starts_and_stops(warehouse_url: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log_file = tmp_path / "log"
    arguments = [BIN / "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
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
            assert "refresh" in jobs(f"http://127.0.0.1:{port}/graphql")
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGINT)
        server.wait(PATIENCE)
    assert not answers(f"http://127.0.0.1:{port}/server_info")


def jobs(url: str) -> list[str]:
    """The jobs of the code location, once it is loaded."""
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        nodes = json.load(answer)["data"]["repositoriesOrError"]["nodes"]
    return [job["name"] for node in nodes for job in node["jobs"]]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as page:
            return page.status == 200
    except OSError:
        return False
