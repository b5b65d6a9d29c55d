"""Which run's gold people see: a pointer in the Glue catalog that only ever moves on to newer silver."""
