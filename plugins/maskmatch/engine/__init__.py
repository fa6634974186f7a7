"""From pairs to paid calls to the journal: the one place that spends money.

One event loop (uvloop) in the calling thread owns all state; nothing there needs a lock:

    pairs ─> WorkQueue ─> Preparer ─> Dispatcher ────────> answer ─> Recorder ─> journal
               ^            │           │    └ Capacity, Breaker      │
               │            │           └ Permits in hand             ├ BadImageIndex
               └────────────┴──────── tried again <── FailureHandler ─┘

    a coroutine for each pair that is prepared, ready or in flight (compare), one that takes pairs up, one
    that books permits, and a tick every 50 ms

What blocks runs in daemon threads, and comes back as a result (workers):

    compare-load        up to 128   images, signatures, connections
    compare-permits     1           the permit store
    compare-journal     up to 8     waits until outcomes are durable
    compare-credential  1           a newer credential

`compare` tells the story of one pair; `context` lists what it needs from the world, as small protocols.
"""
