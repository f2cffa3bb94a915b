"""The language of rules: `role:member and project_id:%(project_id)s or rule:admin_only`.

A rule is parsed once and evaluated often. Where a check needs the thing that a request is about and there is none yet,
its value is unknown (None), and so is what depends on it: for a list, one evaluation tells whether each item has to be
looked at.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Target = Mapping[str, Any]
"""What a request is about: its attributes by name."""

Credentials = Mapping[str, Any]
"""What is known of the caller: user_id, project_id, roles…"""

MISSING: Final = "default"
"""The rule that stands for those that there are not."""

_FIELD: Final = re.compile(r"([^:]+):(.+?)=(.*)", re.DOTALL)
_REFERENCE: Final = re.compile(r"%\(([^)]*)\)s")
_TOKEN: Final = re.compile(r"\s*(\(|\)|(?:\"[^\"]*\"|'[^']*'|%\([^)]*\)s|[^\s()\"'])+)")


class BadRule(ValueError):
    """A rule is not written in the language; the text says where."""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that a rule may look at."""

    credentials: Credentials
    target: Target | None
    """None: of any target."""
    rules: Mapping[str, "Check"]
    parent: Callable[[str, str, str], Any]
    """An attribute of the network, security group… with an id; None where there is none."""


Check = Callable[[Question], bool | None]


def parse(text: str) -> Check:
    """The check that a rule's text stands for.

    Raises:
        BadRule: it is none.

    """
    tokens = _tokens(text)
    if not tokens:
        return _always
    check, rest = _any_of(tokens)
    if rest:
        raise BadRule(f"'{rest[0]}' is one too many")
    return check


def references(text: str) -> list[str]:
    """The rules that a rule's text names."""
    return [token.partition(":")[2] for token in _tokens(text) if token.startswith("rule:")]


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadRule(f"a quotation mark is not closed: {text[position:].strip()}")
        tokens.append(found[1])
        position = found.end()
    return tokens


def _any_of(tokens: list[str]) -> tuple[Check, list[str]]:
    check, rest = _all_of(tokens)
    checks = [check]
    while rest and rest[0].lower() == "or":
        check, rest = _all_of(rest[1:])
        checks.append(check)
    return (checks[0] if len(checks) == 1 else _Some(tuple(checks))), rest


def _all_of(tokens: list[str]) -> tuple[Check, list[str]]:
    check, rest = _one(tokens)
    checks = [check]
    while rest and rest[0].lower() == "and":
        check, rest = _one(rest[1:])
        checks.append(check)
    return (checks[0] if len(checks) == 1 else _Every(tuple(checks))), rest


def _one(tokens: list[str]) -> tuple[Check, list[str]]:
    if not tokens:
        raise BadRule("it ends too early")
    first, rest = tokens[0], tokens[1:]
    if first.lower() == "not":
        check, rest = _one(rest)
        return _Not(check), rest
    if first == "(":
        check, rest = _any_of(rest)
        if not rest or rest[0] != ")":
            raise BadRule("a parenthesis is not closed")
        return check, rest[1:]
    return _leaf(first), rest


def _leaf(word: str) -> Check:
    if word == "@":
        return _always
    if word == "!":
        return _never
    kind, separator, match = word.partition(":")
    if word.lower() in {"and", "or", ")"} or not separator or not kind:
        raise BadRule(f"'{word}' is not a check, like role:admin")
    match kind:
        case "rule":
            return _Rule(match)
        case "role":
            return _Role(match.lower())
        case "field":
            return _field(match)
        case "http" | "https":
            raise BadRule(f"'{word}': rules are not asked of other servers")
        case _:
            return _Same(kind, match)


def _always(_question: Question) -> bool | None:
    return True


def _never(_question: Question) -> bool | None:
    return False


@dataclass(frozen=True, slots=True)
class _Some:
    checks: tuple[Check, ...]

    def __call__(self, question: Question) -> bool | None:
        unknown = False
        for check in self.checks:
            answer = check(question)
            if answer:
                return True
            unknown = unknown or answer is None
        return None if unknown else False


@dataclass(frozen=True, slots=True)
class _Every:
    checks: tuple[Check, ...]

    def __call__(self, question: Question) -> bool | None:
        unknown = False
        for check in self.checks:
            answer = check(question)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True


@dataclass(frozen=True, slots=True)
class _Not:
    check: Check

    def __call__(self, question: Question) -> bool | None:
        answer = self.check(question)
        return None if answer is None else not answer


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str

    def __call__(self, question: Question) -> bool | None:
        check = question.rules.get(self.name) or question.rules.get(MISSING, _never)
        return check(question)


@dataclass(frozen=True, slots=True)
class _Role:
    name: str

    def __call__(self, question: Question) -> bool | None:
        return self.name in question.credentials["roles"]


@dataclass(frozen=True, slots=True)
class _Field:
    """An attribute of the target has a value, or one that a regular expression matches.

    Whether something is shared, its network says where it does not say so itself.
    """

    resource: str
    name: str
    value: str
    pattern: re.Pattern[str] | None

    def __call__(self, question: Question) -> bool | None:
        if question.target is None:
            return None
        have = question.target.get(self.name)
        if have is None and (self.resource, self.name) == ("networks", "shared"):
            have = _of_target(question, "network:shared")
        if self.pattern is not None:
            return have is not None and self.pattern.match(str(have)) is not None
        return have is not None and (
            str(have).lower() == self.value.lower() if isinstance(have, bool) else str(have) == self.value
        )


def _field(match: str) -> Check:
    found = _FIELD.fullmatch(match)
    if found is None:
        raise BadRule(f"'field:{match}' is not of the form field:<resource>:<attribute>=<value>")
    resource, name, value = found.groups()
    if not value.startswith("~"):
        return _Field(resource, name, value, None)
    try:
        return _Field(resource, name, value, re.compile(value[1:]))
    except re.error as error:
        raise BadRule(f"'{value[1:]}' is not a regular expression: {error}") from error


@dataclass(frozen=True, slots=True)
class _Same:
    """Something of the caller is something of the target, of its parent, or a word."""

    kind: str
    match: str

    def __call__(self, question: Question) -> bool | None:
        names = _REFERENCE.findall(self.match)
        if names and question.target is None:
            return None
        words = {name: _of_target(question, name) for name in names}
        if any(word is None for word in words.values()):
            return False
        wanted = _REFERENCE.sub(lambda found: str(words[found[1]]), self.match)
        if self.kind[0] in "'\"":
            return bool(ast.literal_eval(self.kind) == wanted)
        have = _of_caller(question.credentials, self.kind)
        if isinstance(have, (list, tuple, set, frozenset)):
            return wanted in {str(one) for one in have}
        return have is not None and str(have) == wanted


def _of_target(question: Question, name: str) -> Any:
    """An attribute, or one of the parent that the target names: `network:project_id` is that of its network."""
    assert question.target is not None, "the caller has looked"
    if name in question.target:
        return question.target[name]
    kind, separator, attribute = name.partition(":")
    parent_id = question.target.get(f"{kind}_id") if separator else None
    return question.parent(kind, str(parent_id), attribute) if parent_id else None


def _of_caller(credentials: Credentials, name: str) -> Any:
    have: Any = credentials
    for part in name.split("."):
        have = have.get(part) if isinstance(have, Mapping) else None
    return have
