"""As much of GraphQL as a fake needs: a document read, and a value cut down to what the document selects.

Values are plain dicts; a connection is {"nodes": […]} with all of its nodes, of which a page is given.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, cast

from connectors.demo.twins.rendering import offset, token

Variables = Mapping[str, Any]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[$\w.-]+|[{}()\[\]:!]')
_LITERALS = {"true": True, "false": False, "null": None}


@dataclass(eq=False)
class Field:
    """A selected field, or a fragment `on` a type. Without a selection it is a leaf."""

    name: str
    arguments: Mapping[str, str]
    selection: "Selection"
    on: str | None = None

    @cached_property
    def is_connection(self) -> bool:
        return any(field.name in ("nodes", "edges") for field in self.selection)

    @cached_property
    def of_node(self) -> "Selection":
        """What is selected of each node of a connection."""
        inner = next(field for field in self.selection if field.name in ("nodes", "edges"))
        return inner.selection if inner.name == "nodes" else inner.selection[0].selection

    def value(self, argument: str, variables: Variables) -> Any:
        """An argument's value, None if it is not given."""
        text = self.arguments.get(argument)
        if text is None:
            return None
        if text.startswith("$"):
            return variables.get(text[1:])
        if text.startswith('"'):
            return text[1:-1]
        return _LITERALS[text] if text in _LITERALS else int(text) if text.isdigit() else text


class Selection(tuple[Field, ...]):
    """The selected fields of a value."""

    @cached_property
    def leaves(self) -> dict[str, None]:
        """The names of the fields that are taken as they are, as an ordered set."""
        return {field.name: None for field in self if not field.selection}

    @cached_property
    def branches(self) -> list[Field]:
        """The others."""
        return [field for field in self if field.selection]

    def apart(self, name: str) -> "Selection":
        """The selection without a field."""
        return Selection(field for field in self if field.name != name)


class Document(NamedTuple):
    is_mutation: bool
    selection: Selection


@lru_cache(maxsize=256)
def parse(text: str) -> Document:
    """Raises ValueError for what is no document."""
    tokens = _TOKEN.findall(text)
    try:
        at = tokens.index("{")
        selection, end = _selection(tokens, at + 1)
    except (ValueError, IndexError):
        raise ValueError("syntax error") from None
    if end != len(tokens):
        raise ValueError(f"syntax error at {tokens[end]}")
    return Document(tokens[0] == "mutation", selection)


def _selection(tokens: list[str], at: int) -> tuple[Selection, int]:
    """The fields from a token on, and the token after their closing brace."""
    fields: list[Field] = []
    while tokens[at] != "}":
        name, on, arguments = tokens[at], None, dict[str, str]()
        at += 1
        if name == "...":
            on, at = tokens[at + 1], at + 2
        if tokens[at] == "(":
            end = tokens.index(")", at)
            arguments = {tokens[i]: tokens[i + 2] for i in range(at + 1, end, 3)}
            at = end + 1
        inner = Selection()
        if tokens[at] == "{":
            inner, at = _selection(tokens, at + 1)
        fields.append(Field(name, arguments, inner, on))
    return Selection(fields), at + 1


def selected(selection: Selection, value: Any, variables: Variables) -> Any:
    """The value as an answer to the selection; of a connection, the page that it asks for."""
    if isinstance(value, list):
        return [selected(selection, each, variables) for each in cast("list[Any]", value)]
    if not selection or value is None:
        return value
    if not selection.branches and selection.leaves.keys() == value.keys():
        return value
    answer = {name: value[name] for name in selection.leaves}
    for field in selection.branches:
        if field.on:
            # of the types that a fragment may be on, a value has the one whose fields it has
            if all(inner.name in value for inner in field.selection):
                answer |= selected(field.selection, value, variables)
        elif field.is_connection:
            answer[field.name] = page(field, value[field.name]["nodes"], variables)
        else:
            answer[field.name] = selected(field.selection, value[field.name], variables)
    return answer


def page(field: Field, nodes: list[Any], variables: Variables) -> dict[str, Any]:
    """The page of a connection that the field asks for: `first` nodes after a cursor."""
    after, first = field.value("after", variables), field.value("first", variables)
    start = offset(after) if after else 0
    end = len(nodes) if first is None else min(start + first, len(nodes))
    info = {"hasNextPage": end < len(nodes), "endCursor": token(end) if end > start else None}
    return {
        "nodes": [selected(field.of_node, node, variables) for node in nodes[start:end]],
        **({"pageInfo": info} if any(inner.name == "pageInfo" for inner in field.selection) else {}),
    }
