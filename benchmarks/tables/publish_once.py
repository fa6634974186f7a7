"""Publish a synthesised date in a process of its own, and say what it took as one JSON object."""

import json
import resource
import sys
import time
from pathlib import Path

import pyarrow as pa

from benchmarks.tables import synthesised
from maskmatch.pipeline.publish import PublishOptions, publish
from maskmatch.pipeline.run import Run
from maskmatch.storage import plans
from maskmatch.storage.object_stores import FileStore

DAY = synthesised.DAY


def published(home: Path, nominal_fmr: float) -> dict[str, float]:
    """Publish the date in a folder; return seconds of processor, memory and counts."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    store = FileStore(home)
    plan = plans.find_plan(store, plans.plan_folder(DAY, "synthesised0"))
    run = Run(source=store, warehouse=store, day=DAY, run_id="scheduled__2026-01-02T02:00:00+00:00")
    began = time.process_time()
    row = publish(run, plan, PublishOptions(nominal_fmr=nominal_fmr))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cpu_seconds": time.process_time() - began,
        "peak_mib": peak,
        "rows": row["manifest_rows"],
        "attempts": row["attempts"],
    }


if __name__ == "__main__":
    print(json.dumps(published(Path(sys.argv[1]), float(sys.argv[2]))))
