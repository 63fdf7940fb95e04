"""A warehouse of its own for a measurement: an embedded PostgreSQL in a temporary folder."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch_home() -> Iterator[Path]:
    """GROWTHOS_HOME points to an empty folder for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="growthos-bench-", ignore_cleanup_errors=True) as folder:
        os.environ.pop("DATABASE_URL", None)
        os.environ["GROWTHOS_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            from growthos_assets import loading
            from warehouse import embedded

            loading.close()
            embedded.stop()
