"""The files that belong together: when a batch is complete, which run it needs, and starting that run."""
