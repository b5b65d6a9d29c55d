"""One module a check: a function that looks at files and gives an `Outcome`."""
