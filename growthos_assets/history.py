"""What Dagster remembers of a tenant: its partition and its runs, with the rows that their previews show."""

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from growthos_assets.instance import open_instance
from growthos_assets.partitions import TENANT_SET
from growthos_assets.workers import has_died


def forget(tenant_id: str) -> int:
    """Delete them; how many runs. One that is still queued stays, and fails since there is no such tenant."""
    with open_instance() as instance:
        instance.delete_dynamic_partition(TENANT_SET, tenant_id)
        runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_NAME_TAG: tenant_id}))
        over = [run for run in runs if run.is_finished or has_died(run)]
        for run in over:
            instance.delete_run(run.run_id)
        return len(over)
