"""The one strict streaming parser: bytes and a contract in, typed columns and refused rows out.

Every record has two ways to become typed: a fast one for whole blocks (pyarrow and column-wise checks) and an exact
one, record by record. The fast way accepts only what the exact way accepts, with equal values; whatever it does not
accept goes the exact way, which alone says why a record is refused. tests/gate/test_fast_equals_exact.py shows it.
"""
