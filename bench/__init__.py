"""Measurements: what the work costs, as ratios against a bare COPY of the same rows in the same run."""
