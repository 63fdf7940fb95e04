"""What the environment says about where we are: the folder of local state, and whether this is a demo."""

import os
from pathlib import Path

from warehouse.errors import InvalidSetting

OFF = ("false", "0", "no", "off")


def home() -> Path:
    """The folder of all local state: GROWTHOS_HOME, else ./.growthos; made if missing."""
    path = Path(os.environ.get("GROWTHOS_HOME") or ".growthos").expanduser().resolve()
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


def demo_mode() -> bool:
    """Whether demo twins and a demo key may stand in for real ones: DEMO_MODE, true unless it says otherwise."""
    return os.environ.get("DEMO_MODE", "true").strip().lower() not in OFF
