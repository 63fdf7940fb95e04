"""Dagster's command `dg`, run in this process: it has the code location, for which a new one takes seconds."""

import io
import os
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parents[1]


def dg(*arguments: str) -> str:
    """What `dg` with these arguments prints in the project's folder; it has to succeed."""
    from dagster_dg_cli.cli import main

    told = io.StringIO()
    with pytest.MonkeyPatch.context() as here, warnings.catch_warnings(), patch.dict(os.environ), redirect_stdout(told):
        warnings.simplefilter("ignore")  # what Dagster itself warns of is not ours to mend
        here.chdir(ROOT)
        here.setattr(sys, "argv", ["dg", *arguments])
        os.environ |= {"DAGSTER_DISABLE_TELEMETRY": "1", "COLUMNS": "200"}
        with pytest.raises(SystemExit) as exit_:
            main()
    assert not exit_.value.code, f"dg {' '.join(arguments)}\n{told.getvalue()}"
    return told.getvalue()
