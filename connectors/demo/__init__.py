"""A seeded brand behind the same APIs: 180 days of shop, ads and web analytics, to the byte.

Reads top down: `anomalies` and `calendar` say what happens when; `catalog`, `campaigns`, `shoppers`,
`touches` and `baskets` make `orders`; `ads` and `traffic` report on them; `world` puts it together; one twin
per API renders it as that API's response bodies; `source.DemoSource` hands out the records.

What keeps it byte-identical: chance comes from `dice` alone, money is integer cents, floats meet nothing but
+ − × ÷ (never `sum`, whose rounding changed in Python 3.12), and nothing iterates a set or asks the machine's
clock or time zone.
"""

from connectors.demo.anomalies import ANOMALIES, Anomaly
from connectors.demo.source import DemoSource

__all__ = ["ANOMALIES", "Anomaly", "DemoSource"]
