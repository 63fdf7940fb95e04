"""What the environment says about where we are: the folder of local state, and whether this is a demo."""

import os
from pathlib import Path

from warehouse.errors import InvalidSetting

HOME = ".growthos"
PROJECT = "dagster.yaml"
"""The file that lies in the project's own folder."""

OFF = ("false", "0", "no", "off")


def home() -> Path:
    """The folder of all local state: GROWTHOS_HOME, else the nearest one; made if missing."""
    configured = os.environ.get("GROWTHOS_HOME")
    path = Path(configured).expanduser().resolve() if configured else _nearest(Path.cwd())
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise InvalidSetting(
            f"{path} is no folder that can be written to, and local state has to live somewhere. "
            "Set GROWTHOS_HOME to a folder that can."
        )
    return path


def _nearest(here: Path) -> Path:
    """Upwards from here, as git looks for its own, the first .growthos or the project's place for it; else here."""
    for folder in (here, *here.parents):
        if os.path.isdir(folder / HOME) or os.path.isfile(folder / PROJECT):
            return folder / HOME
    return here / HOME


def demo_mode() -> bool:
    """Whether demo twins and a demo key may stand in for real ones: DEMO_MODE, true unless it says otherwise."""
    return os.environ.get("DEMO_MODE", "true").strip().lower() not in OFF
