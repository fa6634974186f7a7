"""From lists of images to numbered pairs: which there are, and seeded samples of them, in constant memory.

    spaces         all pairs of a kind, numbered without a gap, and the pair of each number
    permutation    the numbers in a seeded order, each once
    selections     which numbers of which kind a manifest gets, block by block

Decision: docs/adr/0024-pairs-are-numbers.md
"""
