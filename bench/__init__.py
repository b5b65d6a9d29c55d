"""`make bench`: the lake against Spark, DuckDB and Polars on the same files, in one run. See docs/performance.md."""
