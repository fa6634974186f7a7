"""Publish the tables of a date, from a plan and its journals, in columns and never half.

    publishing     the story; what is published already is not published again
    drafting       shard by shard, window by window, to files on local disk
    journals       rows of a journal in the order of the plan
    settled        of several rows of a pair the one that counts
    outcomes, attempts, images    their columns
    books          what must balance before anything is replaced
    permits_used   the same for calls and permits
    locking        alone at a store without conditional writes
    replacing      history, swap, pointer
    repairing      what another publication did not end
    rollback       an earlier publication again

Decision: docs/adr/0027-publication.md
"""

from maskmatch.pipeline.publish.locking import lock_in
from maskmatch.pipeline.publish.permits_used import nobody_knows, permits_of
from maskmatch.pipeline.publish.publishing import PublishOptions, publish
from maskmatch.pipeline.publish.rollback import publications, publish_again

__all__ = [
    "PublishOptions",
    "lock_in",
    "nobody_knows",
    "permits_of",
    "publications",
    "publish",
    "publish_again",
]
