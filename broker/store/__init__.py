"""The ledger: all tasks and leases, in Redis. The only package that knows Redis."""
