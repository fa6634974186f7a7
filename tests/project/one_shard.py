"""Plan a date in two shards, or compare one, with whatever version of the package lies first on the path.

python -m tests.project.one_shard FOLDER PERMIT_STORE ACCOUNT [SHARD]
"""

import json
import sys
from pathlib import Path

from maskmatch.pipeline.compare import compare_shards
from maskmatch.pipeline.compare_options import CompareOptions
from maskmatch.storage.plans import newest_plan
from maskmatch.tencent import Account
from tests.nights import DAY, night_in, plan_in_shards

SIZES = (150, 150)


def main(folder: str, permit_store: str, account: str, *shards: str) -> None:
    """Compare the shards that are named, of the plan that is there; make it for none."""
    run = night_in(Path(folder))
    plan = newest_plan(run.warehouse, DAY) or plan_in_shards(run, SIZES)
    options = CompareOptions(
        account=Account(**json.loads(account)), permit_store=permit_store, calls_in_flight=8
    )
    for number in map(int, shards):
        compare_shards(run, plan, [plan.shards[number]], options)


if __name__ == "__main__":
    main(*sys.argv[1:])
