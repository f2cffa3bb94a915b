"""Address scopes: what a router translates, and what it does not let pass."""

from futago.node.features import scopes
from futago.node.features.nat import nat, render
from futago.node.host import NftTable
from futago.node.router_tables import ScopeTable
from host.node_specs import NETNS, OTHER, QG, QR, ROUTER, router, scoped, scoped_over_ipv6
from unit.node.kit import golden, specs_of

QR_NAME, OTHER_NAME, QG_NAME = f"qr-{QR[:11]}", f"qr-{OTHER[:11]}", f"qg-{QG[:11]}"


def test_a_router_without_scopes_has_no_rules_for_them() -> None:
    assert scopes.between(router(ha=False)) == []


def test_nothing_is_translated_within_a_scope_and_nothing_passes_between_two() -> None:
    spec = scoped("red", "blue", "red")
    assert spec.gateway is not None
    golden("scopes.nft", render(spec, spec.gateway))


def test_what_leads_outside_through_translation_is_let_out_of_any_scope() -> None:
    rules = scopes.between(scoped("red", "red", "blue"))
    assert f'iifname {{ "{QG_NAME}" }} oifname {{ "{QR_NAME}", "{OTHER_NAME}" }} ct state new drop' in rules
    assert not any(f'oifname {{ "{QG_NAME}" }}' in rule for rule in rules)


def test_without_translation_only_floating_ips_leave_their_scope() -> None:
    rules = scopes.between(scoped("red", "red", "blue", snat=False))
    assert f'ip saddr {{ 192.168.80.10 }} oifname "{QG_NAME}" accept' in rules
    assert f'iifname {{ "{QR_NAME}", "{OTHER_NAME}" }} oifname {{ "{QG_NAME}" }} ct state new drop' in rules


def test_scopes_are_kept_apart_without_a_gateway_too() -> None:
    (table,) = [one.element for one in nat(specs_of([scoped("red", "", None)]))]
    assert isinstance(table, NftTable)
    assert f'iifname {{ "{QR_NAME}" }} oifname {{ "{OTHER_NAME}" }} ct state new drop' in table.body
    assert f'iifname {{ "{OTHER_NAME}" }} oifname {{ "{QR_NAME}" }} ct state new drop' in table.body
    assert nat(specs_of([scoped("red", "red", None)])) == []


def test_over_ipv6_nothing_passes_between_two_scopes_translation_or_not() -> None:
    (owned,) = scopes.scopes(specs_of([scoped_over_ipv6("red", "blue", "red")]))
    assert owned.owner == f"router/{ROUTER}"
    assert owned.element == ScopeTable(
        namespace=NETNS,
        rules=(
            f'meta nfproto ipv6 iifname {{ "{OTHER_NAME}" }} oifname {{ "{QG_NAME}", "{QR_NAME}" }} drop',
            f'meta nfproto ipv6 iifname {{ "{QG_NAME}", "{QR_NAME}" }} oifname {{ "{OTHER_NAME}" }} drop',
        ),
    )


def test_over_ipv6_what_has_no_scope_outside_is_kept_apart_too_and_needs_no_gateway_for_it() -> None:
    assert len(scopes.over_ipv6(scoped_over_ipv6("red", "red", ""))) == 2
    assert len(scopes.over_ipv6(scoped_over_ipv6("red", "", None))) == 2
    assert scopes.over_ipv6(scoped_over_ipv6("red", "red", None)) == ()
    assert scopes.over_ipv6(scoped_over_ipv6("", "", "")) == ()


def test_each_family_has_its_own_scopes() -> None:
    assert scopes.scopes(specs_of([scoped("red", "blue", "red")])) == []
    assert scopes.between(scoped_over_ipv6("red", "blue", "red")) == []
