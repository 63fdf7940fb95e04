"""Values and changes as people read them."""

import pytest

from kpis.words import change_text, listed, signed_text, value_text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12345.6, "money", "USD 12,346"),
        (-12.345, "money", "-USD 12.35"),
        (-0.001, "money", "USD 0.00"),
        (1234.0, "count", "1,234"),
        (3.456, "ratio", "3.46×"),
        (0.1234, "percent", "12.3%"),
        (45.0, "days", "45 days"),
    ],
)
def test_values_as_people_read_them(value, unit, text):
    assert value_text(value, unit, "USD") == text


def test_changes_as_people_read_them():
    assert change_text(0.1234, "money") == "+12.3%"
    assert change_text(-0.03, "percent") == "-3.0 pp"
    assert change_text(-0.00001, "count") == "+0.0%"
    assert signed_text(4417.2, "money", "USD") == "+USD 4,417"
    assert signed_text(-0.12, "ratio") == "-0.12×"
    assert signed_text(0.0125, "percent") == "+1.25 pp"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
