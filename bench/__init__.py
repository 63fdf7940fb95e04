"""Measurements: what the work costs, as ratios against a bare COPY of the same rows in the same run."""

from growthos_assets import memory

memory.tidy()  # as the command does, before polars is loaded: here, since the modules load it first of all
