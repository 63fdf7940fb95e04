"""A command that has run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Done:
    """What a command did: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as the one JSON document that it has to be."""
        return json.loads(self.out)


Command = Callable[..., Done]
"""Runs `growthos` with these arguments."""
