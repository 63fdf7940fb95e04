"""Dagster's marks on tests that load the code location."""

import warnings

import dagster as dg

# partitioned checks are in preview; what Dagster itself warns of on import is not ours to mend
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
