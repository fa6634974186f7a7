"""Object storage, and what lies in it.

object_stores    S3, what speaks S3, or a folder, behind one small protocol
manifests        what people put there: rows that become pairs
plans            what a run will do, shard by shard
images           both pictures of a pair
journal          what was paid for, as it comes
tables           what analysts read; data_dictionary describes them
"""
