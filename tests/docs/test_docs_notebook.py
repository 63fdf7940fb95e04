"""The notebook runs from top to bottom on the demo."""

import json
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "explore.ipynb"


def test_every_cell_of_the_notebook_runs(demo_to_read: str) -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    assert names["orders"].height > 5_000
    assert names["week"].days == 7
