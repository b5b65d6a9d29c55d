"""The gate: judges a file and each of its rows against a contract, then records what it found."""
