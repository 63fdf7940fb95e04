"""What is in an order: its lines, its discount, its shipping, down to the cent."""

from connectors.demo.anomalies import factor
from connectors.demo.catalog import GIFT_CARD, Catalog, Product, Variant
from connectors.demo.dice import Choice, Roll
from connectors.demo.model import Fact
from connectors.demo.shoppers import Place

lines_per_order = Choice((1, 2, 3), (62, 26, 12))
units_per_line = Choice((1, 2, 3), (80, 15, 5))
discount_percent = Choice((0, 5, 10, 15, 20), (75, 5, 10, 6, 4))
WITH_GIFT_CARD = 0.008  # of orders
WITH_FREE_GIFT = 0.015
FREE_SHIPPING_FROM = 7500
SHIPPING = {"US": 595, "CA": 995}
SHIPPING_ELSEWHERE = 1200


class Line(Fact, frozen=True):
    """A product in an order. Cents; the discount and the tax are the whole line's."""

    product: Product
    variant: Variant
    quantity: int
    unit_price: int
    discount: int
    tax: int

    @property
    def net(self) -> int:
        return self.quantity * self.unit_price - self.discount

    @property
    def returnable(self) -> bool:
        return self.unit_price > 0 and self.product.category != GIFT_CARD


class Basket(Fact, frozen=True):
    """`subtotal` = Σ lines' gross − discounts; it holds the `tax` where prices include it."""

    lines: tuple[Line, ...]
    discount_percent: int
    subtotal: int
    tax: int


def fill(catalog: Catalog, place: Place, day: int, roll: Roll) -> Basket | None:
    """An order's lines; none when all that was wanted is out of stock, and the order is lost."""
    percent = discount_percent(roll)
    lines: list[Line] = []
    for _ in range(lines_per_order(roll)):
        product = catalog.draw(roll)
        variant = product.variants[int(roll() * len(product.variants))]
        quantity = units_per_line(roll)
        if roll() < factor("stock_out", product.category, day):
            lines.append(_line(product, variant, quantity, percent, place))
    if not lines:
        return None
    if roll() < WITH_GIFT_CARD:
        card = catalog.gift_card
        variant = card.variants[int(roll() * len(card.variants))]
        lines.append(Line(card, variant, 1, variant.price, 0, 0))
    if roll() < WITH_FREE_GIFT:
        product = catalog.draw(roll)
        lines.append(Line(product, product.variants[0], 1, 0, 0, 0))
    return Basket(tuple(lines), percent, sum(line.net for line in lines), sum(line.tax for line in lines))


def shipping(basket: Basket, place: Place) -> int:
    """What the customer pays to have it sent, in cents."""
    free = basket.subtotal >= FREE_SHIPPING_FROM
    return 0 if free else SHIPPING.get(place.country, SHIPPING_ELSEWHERE)


def _line(product: Product, variant: Variant, quantity: int, percent: int, place: Place) -> Line:
    gross = quantity * variant.price
    discount = (gross * percent + 50) // 100
    base = 10_000 + place.tax if place.tax_included else 10_000
    tax = ((gross - discount) * place.tax + base // 2) // base
    return Line(product, variant, quantity, variant.price, discount, tax)
