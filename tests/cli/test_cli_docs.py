"""What README.md and docs/ tell a person to run, runs."""

import itertools
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_command import Command
from cli_files import csv, line
from dg_command import dg

from growthos_assets.instance import open_instance
from growthos_assets.loading import warehouse
from growthos_assets.partitions import TENANT_SET
from warehouse import tenants

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`((?:growthos|make|dagster|dg) [^`]+)`")


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text()) if name == language]


def lines(page: Path) -> list[str]:
    """The commands of the page's shell blocks, without prompt and comment."""
    return [
        command
        for body in blocks(page, "sh")
        for text in body.replace("\\\n", " ").splitlines()
        if (command := text.partition("#")[0].strip().removeprefix("$ "))
    ]


def spans(program: str) -> list[str]:
    """The commands of that program which the pages name within a sentence."""
    named = [span for page in PAGES for span in SPAN.findall(page.read_text())]
    return [span for span in dict.fromkeys(named) if span.split()[0] == program]


def make_recipe(command: str) -> str:
    """What make would run."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # `make test` runs us
    return subprocess.run(
        [*shlex.split(command), "--dry-run"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
    ).stdout


def sample(command: list[str]) -> None:
    """The file that an import names, with the columns that its --map names."""
    if command[:1] == ["import"]:
        names = dict(pair.split("=") for flag, pair in itertools.pairwise(command) if flag == "--map")
        row = {names.get(field, field): value for field, value in line("1001").items()}
        csv(Path(command[2]), row)


def test_the_blocks_of_the_pages_run_in_order(
    demo_with_runs: str, growthos: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After `growthos demo` has made its tenant from nothing, as the fixture does."""
    monkeypatch.chdir(tmp_path)
    ran = 0
    for page in PAGES:
        for text in lines(page):
            recipe = make_recipe(text) if text.startswith("make ") else text
            if text == "make demo":
                text = recipe.splitlines()[-1]
            if "growthos " in text:
                command = shlex.split(text.partition("growthos ")[2])
                sample(command)
                done = growthos(*command)
                assert done.code == 0, f"{page.name}: {text}\n{done.err}"
            else:
                assert text in ("make dev", "make test"), f"{page.name}: no test knows {text!r}"
            ran += 1
        for body in blocks(page, "python"):
            exec(body, {})
            ran += 1
    assert ran > 5


def test_dagsters_own_tools_run_as_they_are_written(database_with_runs: str) -> None:
    """On a tenant acme without a source, but for what tests/graph runs: test_graph_tools.py."""
    warehouse()
    tenants.create(tenants.Tenant("acme", "Acme", clock_at=datetime(2026, 2, 10, tzinfo=UTC)))
    with open_instance() as instance:
        instance.add_dynamic_partitions(TENANT_SET, ["acme"])
    assert spans("dagster") == ["dagster dev"]
    commands = [command for command in spans("dg") if command != "dg list defs"]
    assert 1 < len(commands) < len(spans("dg"))
    for command in commands:
        dg(*shlex.split(command)[1:])


@pytest.mark.parametrize("command", spans("growthos"))
def test_commands_within_sentences_exist(command: str, growthos: Command) -> None:
    words = shlex.split(command)[1:]
    options = [word for word in words if word.startswith("-")]
    path = words[: words.index(options[0])] if options else words
    said = growthos(*path, "--help")
    assert said.code == 0
    assert [option for option in options if option not in said.out] == []


@pytest.mark.parametrize("command", spans("make"))
def test_targets_within_sentences_exist(command: str) -> None:
    assert make_recipe(command)
