"""The tools that people drive the graph with: dg, the UI with its daemon, and what a browser shows of it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket
from dg_command import dg
from graph_runs import FACTS, in_layers
from graph_shop import land, open_shop, orders

from growthos_assets import load
from growthos_assets.instance import open_instance
from growthos_assets.marts.fact_orders import FactOrders
from growthos_assets.partitions import TENANT_SET
from warehouse.contract import schema_of

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PATIENCE = 120
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def eventually(happens: Callable[[], Any], said: Callable[[], object]) -> Any:
    """What `happens` gives once it gives something."""
    deadline = time.monotonic() + PATIENCE
    while not (result := happens()):
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)
    return result


def test_dg_lists_the_definitions(database_with_runs: str) -> None:
    """The other commands of `dg` that the pages name are run by tests/cli."""
    listed = json.loads(dg("list", "defs", "--json"))
    assert {asset["asset_key"] for asset in listed["assets"]} == set(
        in_layers("raw", "staging", "marts", "cohorts", "kpis", "alerts")
    )
    assert {job["name"] for job in listed["jobs"]} >= {"refresh", "sync", "rebuild", "evaluate_alerts", "review"}
    assert {sensor["name"] for sensor in listed["sensors"]} == {
        "after_the_limit",
        "new_tenants",
        "alerts_on_kpis",
        "deliver_alerts",
    }


class Ui:
    """A running UI and daemon."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/server_info", timeout=5) as page:
                return "dagster_version" in json.load(page)
        except OSError:
            return False


@contextmanager
def serving(command: list[str | Path], port: int, cwd: Path, log: Path) -> Iterator[Ui]:
    """Start a UI, and stop it as Ctrl-C does; no process of it may be left."""
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=out, start_new_session=True)
    ui = Ui(f"http://127.0.0.1:{port}")
    try:
        eventually(lambda: ui.answers() or server.poll() is not None, log.read_text)
        assert server.poll() is None, log.read_text()
        yield ui
    finally:
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        os.killpg(server.pid, signal.SIGINT)
        _, left = psutil.wait_procs(family, timeout=60)
        for process in left:
            process.kill()
        server.wait()
    assert left == []
    assert not ui.answers()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


LOCATION = """
query { workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    ... on RepositoryLocation { repositories { assetNodes { assetKey { path } } } }
    ... on PythonError { message }
} } } } }
"""
JOBS = "query { repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"
LAUNCH = """
mutation ($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  }
}
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
REPOSITORY = {"repositoryLocationName": "growthos", "repositoryName": "__repository__"}


def materialize(ui: Ui, *assets: str) -> str:
    """What becomes of the tenant's assets when they are launched as the UI does."""
    (location,) = ui.ask(LOCATION)["workspaceOrError"]["locationEntries"]
    assert (location["name"], location["loadStatus"]) == ("growthos", "LOADED")
    (repository,) = location["locationOrLoadError"]["repositories"]
    assert len(repository["assetNodes"]) == 47
    parameters = {
        "selector": {
            **REPOSITORY,
            "pipelineName": "refresh",
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
        },
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": "shop"}]},
    }
    launched = ui.ask(LAUNCH, parameters=parameters)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def status() -> str | None:
        found = ui.ask(STATUS, id=run_id)["runOrError"]["status"]
        return found if found in ("SUCCESS", "FAILURE", "CANCELED") else None

    return eventually(status, lambda: f"run {run_id} does not end")


class Page:
    """A page of headless Chromium, driven over its DevTools protocol."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket, self.errors, self._id = socket, list[str](), 0
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        self._id += 1
        self.socket.send(json.dumps({"id": self._id, "method": method, "params": parameters}))
        while (message := json.loads(self.socket.recv())).get("id") != self._id:
            told = message.get("params", {})
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(told["exceptionDetails"]))
            if message.get("method") == "Runtime.consoleAPICalled" and told["type"] == "error":
                self.errors.append(" ".join(str(part.get("value", part.get("description"))) for part in told["args"]))
        return message["result"]

    def text(self) -> str:
        return self.call("Runtime.evaluate", expression="document.body.innerText")["result"].get("value", "")

    def missing(self, words: Iterable[str]) -> list[str]:
        text = self.text()
        return [word for word in words if word not in text]

    def shows(self, address: str, *words: str) -> bool:
        """Open an address; whether the words appear."""
        self.call("Page.navigate", url=address)
        return eventually(lambda: not self.missing(words), lambda: f"not on {address}: {self.missing(words)}")


@contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--window-size=1600,4000")
    arguments = [str(CHROMIUM), *flags, "--remote-allow-origins=*", f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        told = profile / "DevToolsActivePort"
        eventually(lambda: told.exists() and told.read_text().count("\n"), lambda: "Chromium does not start")
        address = f"http://127.0.0.1:{told.read_text().splitlines()[0]}/json/list"
        with urllib.request.urlopen(address, timeout=10) as pages:
            page = next(page for page in json.load(pages) if page["type"] == "page")
        with closing(websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60)) as connection:
            yield Page(connection)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def test_the_ui_runs_the_graph_and_shows_it(database_with_runs: str, tmp_path: Path, port: int) -> None:
    """`growthos dev`, from a folder of one's own."""
    open_shop("shop")
    land("shop", "shopify/orders", orders(1))
    with open_instance() as instance:  # else the daemon finds the tenant new, and ours waits for its run
        instance.add_dynamic_partitions(TENANT_SET, ["shop"])
    command = [BIN / "growthos", "dev", "--port", str(port)]
    with serving(command, port, tmp_path, tmp_path / "log") as ui:
        assert materialize(ui, *FACTS) == "SUCCESS", (tmp_path / "log").read_text()
        assert load("marts/fact_orders", "shop").height == 1
        if CHROMIUM:
            columns = schema_of(FactOrders).columns.values()
            with chromium(tmp_path / "profile") as page:
                asset = f"{ui.address}/assets/marts/fact_orders"
                assert page.shows(asset, *(str(column.description) for column in columns), "growth-data")
                assert page.shows(f"{asset}?view=checks", "reconcile_with_staging", "net_lte_gross", "contract")
                assert page.errors == []
    if not CHROMIUM:
        pytest.skip("the UI was tested; no Chromium is installed to look at its pages")


def test_plain_dagster_dev_starts_and_stops(database_with_runs: str, tmp_path: Path, port: int) -> None:
    """In the project's folder: the same code location. Without a tenant, its daemon has nothing to run."""
    command = [BIN / "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    with serving(command, port, ROOT, tmp_path / "log") as ui:
        (repository,) = ui.ask(JOBS)["repositoriesOrError"]["nodes"]
        assert "refresh" in {job["name"] for job in repository["jobs"]}
