"""The data dictionary says what the contracts say."""

from pathlib import Path

from growthos_assets.dictionary import document

TABLES = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_data_dictionary_is_what_the_contracts_say() -> None:
    assert TABLES.read_text() == document(), "make it anew: python -m growthos_assets.dictionary > docs/tables.md"
