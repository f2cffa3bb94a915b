"""The rules that this version asks, and docs/policy.md, which lists them; run as a program it writes the lists anew."""

import re
from pathlib import Path

from futago.controller import resources
from futago.controller.api.policy import defaults
from futago.controller.policy import language
from futago.controller.policy.rules import STANDARD
from futago.controller.resources.catalog import RESOURCES

PAGE = Path(__file__).parent.parent / "docs" / "policy.md"
_BEGIN, _END = "<!-- rules -->\n", "<!-- end of rules -->\n"
_ROW = re.compile(r"^\| `([^`]+)` \| (?:`([^`]*)`|nothing) \|$", re.MULTILINE)
_VERB = re.compile(r"(create|get|update|delete)_(.+)")


def asked() -> dict[str, str]:
    """Every rule that a request may depend on, with its default."""
    policy = STANDARD.with_defaults(defaults(RESOURCES))
    names = {name for name in policy.texts if _of_a_resource(name)} | _of_actions() & policy.texts.keys()
    names |= {language.MISSING, "context_is_admin", "context_with_global_access", "context_can_set_project_id"}
    waiting = list(names | {"service_api"})
    while waiting:
        names.add(name := waiting.pop())
        waiting += [one for one in language.references(policy.texts[name]) if one not in names]
    return {name: policy.texts[name] for name in sorted(names)}


def documented() -> dict[str, str]:
    """What the page says."""
    return dict(_ROW.findall(PAGE.read_text()))


def page_with(rules: dict[str, str]) -> str:
    """The page, listing these rules."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    rows = [f"| `{name}` | {f'`{text}`' if text else 'nothing'} |" for name, text in rules.items()]
    table = "\n".join(("| rule | default |", "|---|---|", *rows))
    return f"{before}{_BEGIN}{table}\n{_END}{rest.partition(_END)[2]}"


def _of_a_resource(rule: str) -> bool:
    found = _VERB.fullmatch(rule)
    if found is None:
        return False
    verb, rest = found.groups()
    name, _, attribute = rest.partition(":")
    resource = next((one for one in RESOURCES if one.name == name), None)
    if resource is None or (verb != "get" and attribute != "tags" and getattr(resource, verb) is None):
        return False
    settable = {"create": "post", "update": "put", "get": "shown"}
    fields = [field.name for field in resource.fields if verb in settable and getattr(field, settable[verb])]
    return attribute in {"", "tags"} or any(attribute == one or attribute.startswith(f"{one}:") for one in fields)


def _of_actions() -> set[str]:
    """Those that requests beside the usual five name."""
    (folder,) = resources.__path__
    texts = (path.read_text() for path in Path(folder).glob("*.py"))
    return {
        name for text in texts for name in re.findall(r'"((?:get|create|update|delete|add|remove)_[a-z0-9_-]+)"', text)
    }


if __name__ == "__main__":
    PAGE.write_text(page_with(asked()))
