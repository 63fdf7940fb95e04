"""What the shop sells: five product types and gift cards."""

from typing import NamedTuple

from connectors.demo.calendar import DAY, Calendar
from connectors.demo.dice import Choice, Roll, integer
from connectors.demo.model import Fact


class Category(NamedTuple):
    """A product type: how often it is bought, its prices in cents, what a unit costs in % of the price."""

    name: str
    weight: int
    low: int
    high: int
    cost_share: int
    nouns: tuple[str, ...]


CATEGORIES = (
    Category("apparel", 30, 2600, 8200, 45, (
        "Linen Shirt", "Wool Scarf", "Denim Jacket", "Cotton Tee", "Knit Sweater", "Rain Coat",
        "Chino", "Pleated Skirt", "Merino Socks", "Leather Belt", "Hoodie", "Beanie",
    )),
    Category("beauty", 25, 1500, 4700, 35, (
        "Face Serum", "Night Cream", "Body Oil", "Clay Mask", "Lip Balm", "Hand Cream",
        "Shampoo Bar", "Sun Lotion", "Eye Cream", "Rose Toner", "Bath Salt", "Hair Mask",
    )),
    Category("home", 18, 2000, 8600, 50, (
        "Ceramic Vase", "Throw Blanket", "Table Lamp", "Scented Candle", "Oak Tray", "Linen Sheets",
        "Wall Mirror", "Cushion", "Door Mat", "Storage Basket", "Wine Glasses", "Tea Towel",
    )),
    Category("electronics", 12, 3500, 13200, 70, (
        "Earbuds", "Desk Charger", "Smart Plug", "Bike Light", "Travel Speaker", "Key Finder",
        "Power Bank", "Reading Light", "Kitchen Scale", "Alarm Clock", "Air Monitor", "Webcam",
    )),
    Category("food", 15, 1000, 3600, 60, (
        "Coffee Beans", "Green Tea", "Dark Chocolate", "Olive Oil", "Honey", "Granola",
        "Almond Butter", "Sea Salt", "Chili Sauce", "Dried Mango", "Oat Cookies", "Ramen Kit",
    )),
)  # fmt: skip
VENDOR = "Example Goods"
VARIANTS = "SL"  # the last letter of a sku
WITHOUT_COST = 7  # every seventh product: nobody has entered what it costs
GIFT_CARD = "Gift Card"
GIFT_CARD_PRICES = (2500, 5000, 10_000)


class Variant(Fact, frozen=True):
    """What is bought: price and unit cost in cents, no cost where the shop never entered one."""

    number: int
    sku: str
    price: int
    cost: int | None


class Product(Fact, frozen=True):
    number: int
    title: str
    category: str
    vendor: str
    created: int
    updated: int
    variants: tuple[Variant, ...]


class Catalog(NamedTuple):
    """Every product, and the same ones as they are drawn: a category, then one of its products."""

    products: list[Product]
    categories: Choice[list[Product]]
    gift_card: Product

    def draw(self, roll: Roll) -> Product:
        shelf = self.categories(roll)
        return shelf[int(roll() * roll() * len(shelf))]  # a few sell often, most now and then


def build(calendar: Calendar, scale: int, roll: Roll) -> Catalog:
    """12 × scale products of each category, and the gift card."""
    size = 12 * scale
    shelves = [
        [_product(calendar, category, shelf * size + index, size, roll) for index in range(size)]
        for shelf, category in enumerate(CATEGORIES)
    ]
    number = len(CATEGORIES) * size
    created = calendar.starts[0] - 400 * DAY
    cards = tuple(
        Variant(number * 10 + index, f"GIFT-{price // 100}", price, None)
        for index, price in enumerate(GIFT_CARD_PRICES)
    )
    gift_card = Product(number, GIFT_CARD, GIFT_CARD, VENDOR, created, created, cards)
    products = [product for shelf in shelves for product in shelf]
    return Catalog([*products, gift_card], Choice(shelves, [c.weight for c in CATEGORIES]), gift_card)


def _product(calendar: Calendar, category: Category, number: int, size: int, roll: Roll) -> Product:
    index = number % size
    # Prices are spread evenly over the range, in another order than popularity: whatever the seed, the
    # average order is worth the same.
    rank = (index * 7 + 3) % size
    price = int(category.low + (category.high - category.low) * (rank + roll()) / size) // 100 * 100 + 99
    cost = price * (category.cost_share + integer(roll, -8, 8)) // 100
    created = calendar.starts[0] - integer(roll, 30, 400) * DAY
    updated = calendar.instant(integer(roll, 0, calendar.days - 1), roll()) if roll() < 0.5 else created
    edition, noun = divmod(index, len(category.nouns))
    title = category.nouns[noun] if edition == 0 else f"{category.nouns[noun]} No. {edition + 1}"
    sku = f"{category.name[:3].upper()}-{number:04d}"
    variants = tuple(
        Variant(number * 10 + position, f"{sku}-{letter}", price, cost if number % WITHOUT_COST else None)
        for position, letter in enumerate(VARIANTS)
    )
    return Product(number, title, category.name, VENDOR, created, updated, variants)
