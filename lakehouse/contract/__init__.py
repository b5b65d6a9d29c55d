"""What a pipeline promises: its contract as values, how it is loaded, and which dataset an object key belongs to."""
