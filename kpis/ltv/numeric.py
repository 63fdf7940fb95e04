"""What the models compute with: arrays of floats, and scipy, which ships no types."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy import optimize as _optimize  # pyright: ignore[reportMissingTypeStubs]
from scipy import special as _special  # pyright: ignore[reportMissingTypeStubs]

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

optimize: Any = _optimize
special: Any = _special
