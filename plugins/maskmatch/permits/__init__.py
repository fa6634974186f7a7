"""The right to send one call now: rate, budgets, leases and priorities that all users of an account share.

opening        from an address to a coordinator
  stores       where the shared document lies: a SQLite file, Redis, Postgres
  coordinator  grants permits out of that document, in one atomic step for each request
  client       what one process does with them: books slots ahead, uses each at its time
    ordering   of the coordinator, orders to all or to one run; on shared_state, the step of each request
    steps      the pure functions behind it: timeline, budgets, priorities, leases, hosts

Decision: docs/adr/0006-permits-are-one-step-over-one-document.md
"""
