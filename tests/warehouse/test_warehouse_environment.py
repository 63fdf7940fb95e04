"""Where local state lives, from whichever folder one looks."""

from pathlib import Path

import pytest

from growthos_assets.instance import open_instance
from warehouse.environment import home
from warehouse.tenants import none_yet


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without local state, and with notebooks."""
    monkeypatch.delenv("GROWTHOS_HOME", raising=False)
    (tmp_path / "project" / "notebooks").mkdir(parents=True)
    (tmp_path / "project" / "dagster.yaml").touch()
    return tmp_path / "project"


def test_anywhere_within_the_project_its_own_home_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (project / "notebooks", project, project / "notebooks"):  # before and after it is there
        monkeypatch.chdir(folder)
        assert home() == project / ".growthos"
    assert home().is_dir()
    assert list((project / "notebooks").iterdir()) == []


def test_elsewhere_the_nearest_home_upwards_is_found_and_else_it_begins_here(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project.parent / "shop" / "files"
    below.mkdir(parents=True)
    monkeypatch.chdir(below.parent)
    assert home() == below.parent / ".growthos"
    monkeypatch.chdir(below)
    assert home() == below.parent / ".growthos"


def test_who_finds_no_tenant_is_told_where(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "notebooks")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert none_yet().startswith(f"There is no tenant yet in {project / '.growthos'}: `make demo` makes the demo's")


def test_what_dagsters_runs_leave_behind_lies_in_the_same_home(
    project: Path, database_with_runs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "notebooks")
    (project / "dagster.yaml").write_text((Path(__file__).parents[2] / "dagster.yaml").read_text())
    with open_instance() as instance:
        assert Path(instance.storage_directory()).is_relative_to(project / ".growthos" / "dagster")
    assert list((project / "notebooks").iterdir()) == []
