"""Columns of a silver table beside its contract's. Names alone: Glue jobs, which have no delta-rs, need them too."""

LINE = "_line"
"""Line of the bronze file (1 is the first) that a row came from."""
ORIGIN = "_origin"
"""In a compacted file the slot that a row came from; null in the files that the gate writes."""
BATCH, SLOT = "_batch", "_slot"
"""Partition columns: the batch's name and the whole bronze object key, or `SEVERAL`."""
SEVERAL = "*"
"""`_slot` of a compacted file, which holds the rows of several slots. No object key: those begin with `bronze/`."""
PARTITION_BY = (BATCH, SLOT)
