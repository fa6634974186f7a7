"""A local CompareMaskFace service: the vendor's wire, order of checks, limits and bill, on this machine.

    command running settings              how it is started
    app       gateway                     one request from its first byte to its answer
    admission signature quota             who may call, and how often
    comparison                            what is asked: JSON -> two sides
    scorers model_scorer                  the answer, from a hash or from the face model
    fetching images faces ...             what the model needs for it
    errors    replies meter               how it is told, and what it cost

Imports nothing else of maskmatch, so that it cannot share the client's mistakes.
"""
