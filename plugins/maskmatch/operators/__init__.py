"""The tasks of a run: plan, approve, compare one shard, publish, report.

The classes lie in modules of their own, and are found under this name as well.
"""

from maskmatch.operators.approve import ApprovePlanOperator
from maskmatch.operators.compare import CompareMaskFaceOperator
from maskmatch.operators.plan import PlanComparisonOperator
from maskmatch.operators.publish import PublishOutcomesOperator, RepublishOperator
from maskmatch.operators.redrive import RedriveFailuresOperator
from maskmatch.operators.report import ReportOutcomesOperator
from maskmatch.operators.retry_policy import RETRY_POLICY

__all__ = [
    "RETRY_POLICY",
    "ApprovePlanOperator",
    "CompareMaskFaceOperator",
    "PlanComparisonOperator",
    "PublishOutcomesOperator",
    "RedriveFailuresOperator",
    "ReportOutcomesOperator",
    "RepublishOperator",
]
