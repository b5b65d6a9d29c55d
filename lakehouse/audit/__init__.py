"""The audit: does every layer hold exactly what it should? Reads everything from bronze to gold and changes nothing.

Each module compares one layer with what stands above it, so that a fault is named where it lies and not once more in
every layer below: bronze with the ledger, what the gate recorded and wrote with judging the bytes again, the Delta
tables with what is in force, gold with what DuckDB computes anew of the files that silver should hold.
"""
