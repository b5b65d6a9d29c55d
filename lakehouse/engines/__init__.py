"""What executes the SELECT of a gold table: Spark (a Glue job) or DuckDB (a Lambda), with the same result."""
