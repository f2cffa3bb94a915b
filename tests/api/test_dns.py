"""Names of ports, floating IPs and networks."""

from typing import Any

import pytest

from api_kit import Client


def test_a_port_is_called_by_its_name_in_our_domain(member: Client) -> None:
    network = member.network(dns_domain="Example.ORG.")
    assert network["dns_domain"] == "example.org."
    member.subnet(network, "10.0.0.0/24")
    plain, named = member.port(network), member.port(network, dns_name="VM1", dns_domain="ports.example.org.")
    assert plain["dns_assignment"][0]["fqdn"] == "host-10-0-0-2.openstacklocal."
    assert (named["dns_name"], named["dns_domain"]) == ("vm1", "ports.example.org.")
    assert named["dns_assignment"] == [{"ip_address": "10.0.0.3", "hostname": "vm1", "fqdn": "vm1.openstacklocal."}]
    whole = {"port": {"dns_name": "vm2.openstacklocal."}}
    changed = member.put(f"/v2.0/ports/{plain['id']}", whole)["port"]
    assert changed["dns_assignment"][0]["fqdn"] == "vm2.openstacklocal."


@pytest.mark.parametrize(
    ("kind", "attributes", "words"),
    [
        ("port", {"dns_name": "vm1.example.org."}, "Its higher level labels must be equal to the dns_domain option"),
        ("port", {"dns_name": ".openstacklocal."}, "not a valid PQDN or FQDN"),
        ("port", {"dns_name": "a." * 122 + "a"}, "exceeds the maximum size of '255'"),
        ("port", {"dns_domain": "example.org"}, "'example.org' is not a FQDN"),
        ("network", {"dns_domain": "example.org"}, "'example.org' is not a FQDN"),
        ("floatingip", {"dns_name": "vm1."}, "It should be a relative domain name"),
        ("floatingip", {"dns_name": "vm1"}, "dns_name cannot be specified without a dns_domain"),
        ("floatingip", {"dns_domain": "example.org."}, "dns_domain cannot be specified without a dns_name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(admin: Client, kind: str, attributes: dict[str, Any], words: str) -> None:
    external = admin.external()
    needed = {"port": {"network_id": external["id"]}, "floatingip": {"floating_network_id": external["id"]}}
    answer = admin.request("POST", f"/v2.0/{kind}s", {kind: {**needed.get(kind, {}), **attributes}})
    assert answer.status_code == 400
    assert words in answer.json()["NeutronError"]["message"]
