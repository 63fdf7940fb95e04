"""The ad campaigns: what each is for, what it spends, how it delivers."""

from connectors.demo.model import Fact


class Plan(Fact, frozen=True):
    """A campaign as planned.

    `budget` is the first day's spend and `click_cost` a click's, in cents; `first` and `later` are how often
    it brings first and later orders (weights within its source); `click_rate` is clicks per 10,000
    impressions.
    """

    source: str
    name: str
    kind: str  # Meta's objective, Google's advertisingChannelType
    budget: int
    first: int
    later: int
    click_cost: int
    click_rate: int


PLANS = (
    Plan("meta", "PROS_TOF_Broad", "OUTCOME_SALES", 11_000, 42, 8, 95, 140),
    Plan("meta", "RET_BOF_DPA", "OUTCOME_SALES", 4_000, 18, 74, 80, 260),
    Plan("meta", "PROS_MOF_Lookalike", "OUTCOME_SALES", 8_000, 34, 14, 90, 170),
    Plan("meta", "BRAND_Awareness", "OUTCOME_AWARENESS", 3_500, 6, 4, 120, 90),
    Plan("google_ads", "Brand_Search", "SEARCH", 3_500, 30, 70, 55, 900),
    Plan("google_ads", "NonBrand_Generic", "SEARCH", 9_500, 24, 6, 160, 320),
    Plan("google_ads", "Shopping_Smart", "SHOPPING", 8_000, 26, 14, 110, 190),
    Plan("google_ads", "PMax_AllProducts", "PERFORMANCE_MAX", 7_500, 20, 10, 120, 150),
)


class Campaign(Fact, frozen=True):
    number: int
    name: str
    plan: Plan


def build(scale: int) -> list[Campaign]:
    """Each plan run `scale` times, the further runs numbered in their names."""
    return [
        Campaign(run * len(PLANS) + index, plan.name if run == 0 else f"{plan.name}_{run + 1:02d}", plan)
        for run in range(scale)
        for index, plan in enumerate(PLANS)
    ]
