"""The description of the API as one page to read: no script, nothing from elsewhere."""

from html import escape
from typing import Any, Final

Document = dict[str, Any]

_METHODS: Final = ("get", "post", "put", "delete")
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
nav { columns: 4 12rem; }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .3rem .8rem; }
summary { cursor: pointer; }
code, .method { font-family: ui-monospace, monospace; }
.method { display: inline-block; font-weight: 700; width: 4.5rem; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top; }
"""


def page(document: Document) -> str:
    """The whole page."""
    groups = _groups(document)
    info = document["info"]
    links = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a><br>' for tag in groups)
    sections = "".join(_section(document, tag, found) for tag, found in groups.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>Version {escape(info['version'])}. {escape(info['description'])} "
        'The same for programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
        f"<nav>{links}</nav>{sections}</body></html>"
    )


def _groups(document: Document) -> dict[str, list[tuple[str, str, Document]]]:
    """The requests under the collection that they are about."""
    groups: dict[str, list[tuple[str, str, Document]]] = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                tag = operations[method]["tags"][0]
                groups.setdefault(tag, []).append((method, path, operations[method]))
    return groups


def _section(document: Document, tag: str, requests: list[tuple[str, str, Document]]) -> str:
    items = "".join(_request(document, *request) for request in requests)
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{items}'


def _request(document: Document, method: str, path: str, operation: Document) -> str:
    parts = [_parameters(operation.get("parameters", []))]
    if body := operation.get("requestBody"):
        parts.append(_fields(document, "Attributes of the request", body["content"]["application/json"]["schema"]))
    parts.append(_statuses(operation["responses"]))
    return (
        f'<details><summary><span class="method">{method.upper()}</span><code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>{''.join(parts)}</details>"
    )


def _parameters(parameters: list[Document]) -> str:
    rows = [
        (parameter["name"], _type(parameter["schema"]), parameter.get("description", "")) for parameter in parameters
    ]
    return _table("Query", rows)


def _fields(document: Document, title: str, schema: Document) -> str:
    """The attributes of the object within the envelope."""
    found = schema["anyOf"][0] if "anyOf" in schema else schema
    inner = _resolved(document, next(iter(_resolved(document, found).get("properties", {}).values()), {}))
    required = inner.get("required", [])
    rows = [
        (name, _type(field), " ".join(filter(None, ["Required." if name in required else "", _remarks(field)])))
        for name, field in inner.get("properties", {}).items()
    ]
    return _table(title, rows)


def _statuses(responses: Document) -> str:
    return _table("Answers", [(status, "", response["description"]) for status, response in responses.items()])


def _table(title: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{escape(text)}</td></tr>"
        for name, kind, text in rows
    )
    return f'<table><tr><th colspan="3">{title}</th></tr>{cells}</table>'


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = document["components"]["schemas"][name] if name else schema
    return found


def _type(schema: Document) -> str:
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {})) or 'anything'}"
    return str(schema.get("format") or schema.get("type") or "")


def _remarks(schema: Document) -> str:
    parts = [schema.get("description", "")]
    if "default" in schema:
        parts.append(f"Default: {schema['default']!r}.")
    if "minimum" in schema:
        parts.append(f"{schema['minimum']} to {schema['maximum']}.")
    return " ".join(filter(None, parts))
