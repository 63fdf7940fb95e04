"""What goes wrong in the demo, and when: what its alerts must find."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Anomaly:
    """A measure of `target`, times `factor`, from `first_day` to `last_day`; the demo starts on day 0."""

    kind: str
    target: str
    first_day: int
    last_day: int
    factor: float

    def dates(self, start: date) -> tuple[date, date]:
        """Its first and last date in a demo that starts on `start`."""
        return start + timedelta(self.first_day), start + timedelta(self.last_day)


ANOMALIES = (
    Anomaly("stock_out", "apparel", 56, 62, 0.5),  # orders of one product type
    Anomaly("tracking_outage", "ga4", 70, 71, 0.1),  # everything web analytics sees
    Anomaly("spend_surge", "PROS_TOF_Broad", 98, 111, 2.0),  # spend and clicks, no more orders
    Anomaly("demand_spike", "shop", 133, 141, 1.6),  # orders, and the sessions that come with them
    Anomaly("cost_per_click_rise", "google_ads", 173, 179, 1.45),  # the same clicks cost more
)


def factor(kind: str, target: str, day: int) -> float:
    """What `day` multiplies the measure by; 1 on an ordinary day."""
    for anomaly in ANOMALIES:
        if (anomaly.kind, anomaly.target) == (kind, target) and anomaly.first_day <= day <= anomaly.last_day:
            return anomaly.factor
    return 1.0
