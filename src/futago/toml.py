"""Settings written as TOML; the standard library only reads it."""

import json
from collections.abc import Mapping


def line(key: str, value: object) -> str:
    """`key = value`, on a line of its own."""
    return f"{key} = {_value(value)}\n"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
