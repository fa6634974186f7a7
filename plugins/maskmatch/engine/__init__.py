"""From pairs to paid calls to the journal: the one place that spends money.

    pairs ─> backlog ─> images ─> call prepared ─> slot ─> sent ─> answer ─> outcome ─> journal
                                                                     └ refused: again later, or failed

`compare` tells the story of one pair; `context` lists what it needs from the world, as small protocols.
`line` sends calls at their slots and takes in all answers, in one thread; `booking` is the thread that books
slots. `breaker` holds calls back while the service is down, `verdicts` knows which images are bad,
`concurrency` how many calls there may be.
"""
