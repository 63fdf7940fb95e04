"""The visits that orders come from: what each channel leaves in the landing URL, the referrer and GA4."""

from connectors.demo import shoppers
from connectors.demo.campaigns import Campaign
from connectors.demo.dice import Choice, Roll
from connectors.demo.model import Fact
from connectors.demo.shoppers import Shopper


class Touch(Fact, frozen=True):
    """One way to arrive: how often within its channel, GA4's default channel group, what Shopify records.

    `source` and `tactic` are Shopify's own words for the visit; `click_id` is the parameter the ad platform
    appends; `campaigns` are the utm_campaign values, where they are not the ad campaign's name.
    """

    channel: str
    weight: int
    group: str | None  # None: not on the web, so without a journey
    source: str = "direct"
    tactic: str | None = None
    referrer: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    click_id: str | None = None
    campaigns: tuple[str, ...] = ()


FLOWS = ("Welcome_Series", "Abandoned_Cart", "Weekly_Newsletter", "VIP_Offer")
SITES = ("partner_dealhub", "partner_stylemag", "partner_giftguide")
GOOGLE = "https://www.google.com/"
FACEBOOK = "https://l.facebook.com/"
INSTAGRAM = "https://l.instagram.com/"

TOUCHES = (
    Touch("meta", 40, "Paid Social", "Facebook", "AD", FACEBOOK, "facebook", "cpc", "fbclid"),
    Touch("meta", 15, "Paid Social", "Facebook", "AD", FACEBOOK, "fb", "paid", "fbclid"),
    Touch("meta", 20, "Paid Social", "Instagram", "AD", INSTAGRAM, "instagram", "paid_social", "fbclid"),
    Touch("meta", 12, "Paid Social", "Instagram", "AD", INSTAGRAM, "ig", "cpc"),
    Touch("meta", 13, "Paid Social", "Facebook", "AD", FACEBOOK, click_id="fbclid"),
    Touch("google", 65, "Paid Search", "Google", "AD", GOOGLE, "google", "cpc", "gclid"),
    Touch("google", 20, "Paid Search", "Google", "AD", GOOGLE, click_id="gclid"),
    Touch("google", 15, "Paid Search", "Google", "AD", None, "google", "ppc"),
    Touch("organic", 70, "Organic Search", "Google", "SEO", GOOGLE),
    Touch("organic", 15, "Organic Search", "Google", "SEO", GOOGLE, "google", "organic"),
    Touch("organic", 7, "Organic Social", "Instagram", "POST", "https://www.instagram.com/"),
    Touch("organic", 5, "Organic Social", "unknown", None, None, "tiktok", "bio"),
    Touch("organic", 3, "Referral", "slowliving.example", "LINK", None, "slowliving_blog", "post"),
    Touch("email", 70, "Email", "email", "NEWSLETTER", None, "klaviyo", "email", None, FLOWS),
    Touch("email", 20, "Email", "email", "NEWSLETTER", None, "newsletter", "email", None, FLOWS),
    Touch("email", 10, "Email", "email", "TRANSACTIONAL", None, "klaviyo", "flow", None, FLOWS),
    Touch("direct", 80, "Direct", "direct", "DIRECT"),
    Touch("direct", 20, None),
    Touch("affiliate", 60, "Referral", "unknown", "AFFILIATE", None, "affiliate", "referral", None, SITES),
    Touch("affiliate", 40, "Referral", "unknown", "AFFILIATE", None, "affiliate_partner", "cpa", None, SITES),
)
PAID = {"meta": "meta", "google": "google_ads"}  # the source whose campaigns bring a channel's visits


class Visit(Fact, frozen=True):
    """The visit an order came from; `campaign` brought it, whether or not the landing URL says so."""

    touch: Touch
    utm_campaign: str | None
    campaign: Campaign | None
    click: int  # what makes its click id unique


class Marketing:
    """Draws visits: a first one from the shopper's own channel, later ones mostly from e-mail or direct."""

    def __init__(self, campaigns: list[Campaign], roll: Roll) -> None:
        self._roll = roll
        self._touches = {channel: _touches(channel) for channel in shoppers.CHANNELS}
        self._campaigns = {channel: _campaigns(campaigns, source) for channel, source in PAID.items()}

    def visit(self, shopper: Shopper, later: bool) -> Visit:
        """The visit behind the shopper's first order, or behind a later one."""
        roll = self._roll
        channel = shoppers.later_channel(roll) if later else shopper.channel
        touch = self._touches[channel](roll)
        campaign = self._campaigns[channel][later](roll) if channel in self._campaigns else None
        name = touch.campaigns[int(roll() * len(touch.campaigns))] if touch.campaigns else None
        if campaign and touch.utm_source:
            name = campaign.name
        return Visit(touch, name, campaign, int(roll() * (1 << 40)))


def _touches(channel: str) -> Choice[Touch]:
    own = [touch for touch in TOUCHES if touch.channel == channel]
    return Choice(own, [touch.weight for touch in own])


def _campaigns(campaigns: list[Campaign], source: str) -> tuple[Choice[Campaign], Choice[Campaign]]:
    """The campaigns behind first and behind later orders."""
    own = [campaign for campaign in campaigns if campaign.plan.source == source]
    return Choice(own, [c.plan.first for c in own]), Choice(own, [c.plan.later for c in own])
