"""What functions of tables take: a frame, or one that is yet to be collected."""

import polars as pl

Frame = pl.DataFrame | pl.LazyFrame
