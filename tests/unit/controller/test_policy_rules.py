"""The rule language, Neutron's defaults in it, and the operator's file over them."""

from pathlib import Path

import pytest

from futago.controller.caller import Caller
from futago.controller.policy import language
from futago.controller.policy.defaults import DEFAULTS
from futago.controller.policy.file import BadPolicy
from futago.controller.policy.rules import STANDARD, load

MINE, OTHERS = {"project_id": "p1"}, {"project_id": "p2"}


def caller(*roles: str) -> Caller:
    return Caller(user_id="u1", project_id="p1", roles=frozenset(roles))


def ask(text: str, *roles: str, target: language.Target | None = MINE) -> bool | None:
    rules = {name: language.parse(rule) for name, rule in DEFAULTS.items()}
    known = {"user_id": "u1", "project_id": "p1", "roles": set(roles), "is_admin": "admin" in roles}
    parents = {("network", "n1", "project_id"): "p1", ("network", "n1", "shared"): True}
    question = language.Question(known, target, rules, lambda *asked: parents.get(asked))
    return language.parse(text)(question)


@pytest.mark.parametrize(
    ("text", "roles", "answer"),
    [
        ("", [], True),
        ("@", [], True),
        ("!", ["admin"], False),
        ("role:Member", ["member"], True),
        ("not role:member", ["member"], False),
        ("not role:a and not role:b", ["b"], False),
        ("role:a or role:b and role:c", ["a"], True),
        ("(role:a or role:b) and role:c", ["a"], False),
        ("role:a AND role:b OR role:c", ["c"], True),
        ("not (role:a or role:b)", ["c"], True),
        ("project_id:%(project_id)s", [], True),
        ("project_id:p1", [], True),
        ("tenant_id:p1", [], False),
        ("user_id:%(user_id)s", [], False),
        ("is_admin:True", ["admin"], True),
        ("'p1':%(project_id)s", [], True),
        ("'p2':%(project_id)s", [], False),
        ("roles:member", ["member"], True),
        ("rule:admin_only", ["admin"], True),
        ("rule:no_such_rule", ["reader"], True),
    ],
)
def test_a_rule_means_what_it_says(text: str, roles: list[str], *, answer: bool) -> None:
    assert ask(text, *roles) is answer


@pytest.mark.parametrize(
    ("text", "target", "answer"),
    [
        ("field:networks:shared=True", {"shared": True}, True),
        ("field:networks:shared=True", {"shared": False}, False),
        ("field:networks:shared=True", {"network_id": "n1"}, True),
        ("field:networks:shared=True", {"network_id": "n2"}, False),
        ("field:networks:router:external=True", {"router:external": True}, True),
        ("field:port:device_owner=~^network:", {"device_owner": "network:dhcp"}, True),
        ("field:port:device_owner=~^network:", {"device_owner": "compute:nova"}, False),
        ("field:rbac_policy:target_tenant=*", {"target_tenant": "*"}, True),
        ("project_id:%(network:project_id)s", {"network_id": "n1", "project_id": "p2"}, True),
        ("project_id:%(network:project_id)s", {"network_id": "n2"}, False),
        ("project_id:%(ext_parent:project_id)s", {"ext_parent:project_id": "p1"}, True),
    ],
)
def test_a_rule_looks_at_what_a_request_is_about(text: str, target: language.Target, *, answer: bool) -> None:
    assert ask(text, target=target) is answer


def test_of_no_target_in_particular_only_what_holds_of_all_is_known() -> None:
    both = "role:admin or project_id:%(project_id)s"
    assert ask(both, "admin", target=None) is True
    assert ask(both, "member", target=None) is None
    assert ask("role:admin and project_id:%(project_id)s", "member", target=None) is False
    assert ask("not field:port:device_owner=x", target=None) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("role:a or", "it ends too early"),
        ("(role:a", "a parenthesis is not closed"),
        ("role:a)", "')' is one too many"),
        ("role:a role:b", "'role:b' is one too many"),
        ("admin", "'admin' is not a check"),
        ("field:networks", "is not of the form"),
        ("field:port:device_owner=~[", "is not a regular expression"),
        ("'p1:%(x)s", "a quotation mark is not closed"),
        ("http://server/%(x)s", "not asked of other servers"),
    ],
)
def test_what_is_no_rule_is_refused_with_a_reason(text: str, words: str) -> None:
    with pytest.raises(language.BadRule) as caught:
        language.parse(text)
    assert words in str(caught.value)


def test_roles_imply_lesser_ones_as_in_keystone() -> None:
    for role, allowed in (("reader", False), ("member", True), ("manager", True), ("admin", True)):
        assert STANDARD.allows("update_network", caller(role), MINE) is allowed
        assert STANDARD.allows("get_network", caller(role), MINE)
    assert not STANDARD.allows("get_network", caller("member"), OTHERS)
    assert STANDARD.allows("get_network", caller("admin"), OTHERS)
    assert not STANDARD.allows("get_network", caller("auditor"), MINE)


def test_a_service_sees_everything_and_is_no_admin() -> None:
    service = STANDARD.recognized(caller("service"))
    assert service.unbounded
    assert not service.admin
    assert STANDARD.allows("create_port:binding:profile", service, MINE)
    assert not STANDARD.allows("create_port:binding:profile", caller("admin"), MINE)


FILE = """\
---
# what a generator leaves behind:
#"get_network": "rule:admin_only"

"create_network": "role:network_builder"   # who is trusted
'update_network':
  role:network_builder
  or rule:admin_only
delete_network: rule:admin_only # nobody else
create_network:shared: >-
  role:network_builder
  and project_id:%(project_id)s
"create_router": [["role:network_builder", "role:member"], ["rule:admin_only"]]
context_is_admin: "role:cloud_admin"
"""


def test_a_file_replaces_the_rules_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(FILE)
    policy = load(path)
    builder, member = caller("network_builder"), caller("member")
    for rule in ("create_network", "update_network"):
        assert policy.allows(rule, builder, OTHERS)
        assert not policy.allows(rule, member, MINE)
    assert policy.texts["delete_network"] == "rule:admin_only"
    assert policy.allows("create_network:shared", builder, MINE)
    assert not policy.allows("create_network:shared", builder, OTHERS)
    assert not policy.allows("create_router", builder, MINE)
    assert policy.allows("create_router", caller("network_builder", "member"), MINE)
    assert policy.allows("create_subnet", policy.recognized(caller("cloud_admin")), OTHERS)
    assert policy.recognized(caller("cloud_admin")).admin
    assert not policy.recognized(caller("admin")).admin
    assert policy.texts["update_port"] == DEFAULTS["update_port"]


def test_a_file_may_be_json(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{\n  "create_network": "role:x",\n  "create_router": []\n}\n')
    policy = load(path)
    assert policy.allows("create_network", caller("x"), OTHERS)
    assert policy.allows("create_router", caller(), OTHERS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"a": "role:x"\nb\n', 'line 2: this is not of the form "name": "rule"'),
        ('"a": "role:x"\n"a": "role:y"\n', "line 2: 'a' stands in line 1, too"),
        ('"a": "role:x\n', "line 1: a quotation mark is not closed"),
        ('\n"a": "role:x and"\n', "line 2: 'a': it ends too early"),
        ('"b": "rule:c"\n"c": "rule:b"\n', "line 1: 'b' depends on itself"),
        ('"a": [1]\n', "line 1: a rule is a text, or a list of lists of texts"),
        ("  role:x\n", "line 1: this belongs to no rule"),
        ('{"a": "role:x"', "policy.yaml"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(BadPolicy) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
