"""One tenant, one partition. Time is not a partition: it is handled inside the data, by windows."""

import warnings

import dagster as dg

TENANT_SET = "tenant"
"""The name under which an instance keeps the partitions."""

TENANTS = dg.DynamicPartitionsDefinition(name=TENANT_SET)


def tenant_check(name: str, key: dg.AssetKey, description: str | None, *, blocking: bool) -> dg.AssetCheckSpec:
    """A check whose result is kept per tenant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitioned checks: new in 1.13, and what we need
        return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking, partitions_def=TENANTS)
