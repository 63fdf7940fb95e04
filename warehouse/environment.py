"""What the environment says about where we are: the folder of local state, and whether this is a demo."""

import os
from pathlib import Path

OFF = ("false", "0", "no", "off")


def home() -> Path:
    """The folder of all local state: GROWTHOS_HOME, else ./.growthos; made if missing."""
    path = Path(os.environ.get("GROWTHOS_HOME") or ".growthos").expanduser().resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


def demo_mode() -> bool:
    """Whether demo twins and a demo key may stand in for real ones: DEMO_MODE, true unless it says otherwise."""
    return os.environ.get("DEMO_MODE", "true").strip().lower() not in OFF
