"""The rules that hold: Neutron's defaults, and over them those of the operator's file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace as replace_struct

from futago.controller.caller import Caller
from futago.controller.policy import defaults, language
from futago.controller.policy.file import BadPolicy, Entry, read
from futago.controller.policy.language import Check, Question, Target

_IMPLIED: Final = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader"), "member": ("reader",)}
"""As Keystone implies its own roles; a token of the embedded identity names those only that were assigned."""

Parent = Callable[[str, str, str], Any]
"""An attribute of the network, security group… with an id."""

_parse: Final = cache(language.parse)


def no_parent(_kind: str, _id: str, _attribute: str) -> None:
    """For rules that look at nothing but the target."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Every rule by its name, as a text and as a check; answers can be kept for one, since it never changes."""

    texts: Mapping[str, str]
    checks: Mapping[str, Check] = field(repr=False)

    def allows(self, rule: str, caller: Caller, target: Target, parent: Parent = no_parent) -> bool:
        """Whether the caller may do this to that."""
        return bool(self._ask(rule, caller, target, parent))

    def of_any(self, rule: str, caller: Caller) -> bool | None:
        """The same of any target; None where it depends on which."""
        return self._ask(rule, caller, None, no_parent)

    @lru_cache(maxsize=256)  # noqa: B019 - a program has one policy
    def recognized(self, caller: Caller) -> Caller:
        """The caller, with what the rules make of its roles."""
        service = bool(self.of_any("service_api", caller))
        return replace_struct(
            caller,
            is_admin=bool(self.of_any("context_is_admin", caller)),
            sees_all=service or bool(self.of_any("context_with_global_access", caller)),
            names_projects=service or bool(self.of_any("context_can_set_project_id", caller)),
        )

    def with_defaults(self, texts: Mapping[str, str]) -> "Policy":
        """These too, where there is no rule of that name yet."""
        fresh = {name: text for name, text in texts.items() if name not in self.texts}
        checks = {name: _parse(text) for name, text in fresh.items()}
        return replace(self, texts={**self.texts, **fresh}, checks={**self.checks, **checks})

    def _ask(self, rule: str, caller: Caller, target: Target | None, parent: Parent) -> bool | None:
        check = self.checks.get(rule) or self.checks[language.MISSING]
        return check(Question(_credentials(caller), target, self.checks, parent))


def load(path: Path | None = None) -> Policy:
    """The defaults, with the rules of the file at `path` instead of those that it names.

    Raises:
        BadPolicy: the file cannot be read, or a line is no rule.

    """
    given = {} if path is None else read(path)
    checks = {name: _parse(text) for name, text in defaults.DEFAULTS.items()}
    for name, entry in given.items():
        try:
            checks[name] = _parse(entry.text)
        except language.BadRule as error:
            raise BadPolicy(f"{path}, line {entry.line}: '{name}': {error}") from error
    texts = {**defaults.DEFAULTS, **{name: entry.text for name, entry in given.items()}}
    _check_circles(path, texts, given)
    return Policy(texts, checks)


def _check_circles(path: Path | None, texts: Mapping[str, str], given: Mapping[str, Entry]) -> None:
    for name, entry in given.items():
        if _leads_to(name, language.references(texts[name]), texts):
            raise BadPolicy(f"{path}, line {entry.line}: '{name}' depends on itself")


def _leads_to(name: str, named: Iterable[str], texts: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    waiting = list(named)
    while waiting:
        one = waiting.pop()
        if one == name:
            return True
        if one not in seen:
            seen.add(one)
            waiting += language.references(texts.get(one, texts[language.MISSING]))
    return False


@lru_cache(maxsize=256)
def _credentials(caller: Caller) -> dict[str, Any]:
    roles = {role.lower() for role in caller.roles}
    for role in caller.roles:
        roles |= set(_IMPLIED.get(role.lower(), ()))
    return {
        "user_id": caller.user_id,
        "project_id": caller.project_id,
        "tenant_id": caller.project_id,
        "roles": roles,
        "is_admin": caller.admin,
    }


STANDARD: Final = load()
"""Neutron's defaults and nothing else."""
