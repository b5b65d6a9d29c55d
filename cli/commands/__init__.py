"""One module per group of commands: read the arguments, call the rest of `cli`, show the result."""
