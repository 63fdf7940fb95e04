"""Reasons in few sentences: rows that break the same rule are one, whatever they say."""

import polars as pl

from growthos_assets.reasons import grouped, most


def counted(*reasons: str) -> dict[str, int]:
    return grouped(pl.Series(reasons, dtype=pl.String))


def test_what_differs_in_its_values_alone_is_told_once_with_the_first() -> None:
    said = counted(
        "sku is missing",
        "line_id: '1' is already another row of order 'A'",
        "line_id: '2' is already another row of order 'O'Brien'",
        "title: 'two\nlines' is not a text",
        "title: 'a, b' is not a text",
        "title: 'c' is not a text",
    )
    assert list(said.items()) == [
        ("title: e.g. 'two\nlines' is not a text", 3),
        ("line_id: e.g. '1' is already another row of order 'A'", 2),
        ("sku is missing", 1),
    ]


def test_an_apostrophe_is_no_quote_and_the_same_sentence_no_example() -> None:
    euros, dollars = ("currency: 'EUR' is not the tenant's GBP", "currency: 'USD' is not the tenant's GBP")
    assert counted(euros, euros) == {euros: 2}
    assert counted(euros, dollars) == {"currency: e.g. 'EUR' is not the tenant's GBP": 2}


def test_of_many_reasons_the_first_are_told_and_how_many_more_there_are() -> None:
    groups = counted(*(f"{name} is missing" for name in "aaabbc"))
    assert most(groups, 3) == groups
    assert most(groups, 1) == {"a is missing": 3, "2 more": 3}
    assert counted() == {}
