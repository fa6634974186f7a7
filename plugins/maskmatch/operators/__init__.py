"""The tasks of a comparison run: plan, compare one shard, publish, summarise."""

from maskmatch.operators.comparing import CompareMaskFaceOperator
from maskmatch.operators.planning import PlanComparisonOperator
from maskmatch.operators.publishing import PublishOutcomesOperator, SummariseOutcomesOperator
from maskmatch.operators.retrying import RETRY_POLICY

__all__ = [
    "RETRY_POLICY",
    "CompareMaskFaceOperator",
    "PlanComparisonOperator",
    "PublishOutcomesOperator",
    "SummariseOutcomesOperator",
]
