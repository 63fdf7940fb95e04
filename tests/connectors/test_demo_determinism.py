"""The same arguments give the same bytes: in every process, time zone and hash seed."""

import os
import subprocess
import sys

import demo_records
from demo_records import digest, everything

from connectors.demo import DemoSource

# Changes with every change of what the demo says; then it is to be replaced knowingly.
GOLDEN = "716a34d356727cebbd9663b55851d2a3b6862ed7848d93379089cd42f6197bd4"


def test_golden(records):
    assert digest(records) == GOLDEN


def test_golden_in_another_process_of_another_time_zone_and_hash_seed():
    environment = {**os.environ, "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "2"}
    run = [sys.executable, demo_records.__file__]
    printed = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == GOLDEN


def test_another_seed_is_another_brand():
    one, other = (everything(DemoSource(seed=seed, days=10)) for seed in (1, 2))
    assert digest(one) != digest(other)
