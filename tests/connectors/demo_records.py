"""Every record of a demo, and one hash over them all; run, it prints that of the default demo."""

import hashlib
import json

from connectors.demo import DemoSource
from connectors.source import RawRecord

Records = dict[str, list[RawRecord]]


def everything(source: DemoSource) -> Records:
    """Every record, by stream."""
    return {
        stream.key: [record for page in source.pages(stream, since=None, until=source.now) for record in page]
        for stream in source.streams
    }


def digest(records: Records) -> str:
    sha = hashlib.sha256()
    for key, rows in records.items():
        for row in rows:
            line = [key, row.external_id, row.payload]
            sha.update(json.dumps(line, sort_keys=True, separators=(",", ":")).encode())
    return sha.hexdigest()


if __name__ == "__main__":
    print(digest(everything(DemoSource())))
