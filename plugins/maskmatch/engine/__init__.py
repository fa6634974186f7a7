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
    compare-journal     2           waits: for room, and until outcomes are durable
    compare-credential  1           a newer credential

Who owns what: WorkQueue the pairs that wait, Preparer those whose images are loaded, Dispatcher calls that
are ready or in flight and the permits in hand, Capacity how many may be in flight, Breaker whether any may,
BadImageIndex what is known of images, Recorder what is on its way into the journal, StopSignal the first
error. Loop and threads share two deques of Preparer and three fields of Dispatcher, as is said there.

`run` starts and ends all of it; `compare` tells the story of one pair; `context` lists what they need from
the world, as small protocols.
"""
