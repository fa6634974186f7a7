"""Plan a run: read the manifests of its date, check every row, and fix what will be compared.

    reading     rows of all manifests -> blocks on disk; hashes of their names beside them
    naming      tags of the images -> what they are known by -> which comparison each row is
    repeats     rows that are bad because of others
    settling    of the rows of one comparison which is called, and what becomes of the others
    ordering    the place of each call, and with it its shard
    moving      rows -> the part of the order where they will stand
    writing     part by part -> the objects of the shards
    making      all of it, and the plan itself last

Records of fixed width decide, in parts that fit into memory; the rows themselves are moved once. What is on
disk has no name there, so nothing of a plan that was killed is left.

Decision: docs/adr/0020-a-plan-out-of-core.md
"""

from maskmatch.pipeline.plan.making import make_plan
from maskmatch.pipeline.plan.naming import OpenBucket

__all__ = ["OpenBucket", "make_plan"]
