"""What the gates and the runs left undone: found by looking, done or told."""
