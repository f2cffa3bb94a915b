"""Where a node answers instances that ask who they are, and the files by which its program knows."""

from pathlib import Path

from msgspec.structs import replace

from futago.contract.codec import decode
from futago.contract.specs import InstanceSpec, Spec
from futago.metadata.config import Listener
from futago.node.drivers.metadata import MetadataDriver
from futago.node.features.compose import host_state
from futago.node.host import HOST, Answers, Asked, Layer3, Place
from futago.values import IPv4Interface, IPv6Address, IPv6Interface
from host.node_specs import DHCP, INSIDE, NETNS, QR, dhcp, gateway_node, router
from unit.metadata.samples import instance
from unit.node.kit import PLACE, VLANS, specs_of

ANSWERS = replace(PLACE, metadata=True, metadata_route="isolated")
METADATA = IPv4Interface("169.254.169.254/32")
METADATA_IPV6 = IPv6Interface("fe80::a9fe:a9fe/128")
WEB = replace(instance(), network_id=INSIDE)
QDHCP = f"qdhcp-{INSIDE}"


def elements(kind: type, place: Place, *specs: Spec) -> dict[str, object]:
    state = host_state(specs_of([*gateway_node(ha=True), *specs]), VLANS, place)
    return {key: one.element for key, one in state.elements.items() if isinstance(one.element, kind)}


def test_a_router_and_a_dhcp_server_are_asked() -> None:
    asked = elements(Asked, ANSWERS)
    wanted = [Listener(name=name, namespace=name, networks=(INSIDE,)) for name in (NETNS, QDHCP)]
    assert asked == {f"asked/{one.name}": Asked(listener=one) for one in wanted}


def test_a_router_has_the_address_where_it_is_nobodys_neighbour() -> None:
    layer3 = elements(Layer3, ANSWERS)
    assert layer3[f"layer3/{NETNS}/lo"] == Layer3(
        namespace=NETNS, interface="lo", addresses=(IPv4Interface("127.0.0.1/8"), METADATA)
    )
    held = {key for key, one in layer3.items() if METADATA in getattr(one, "addresses", ())}
    assert held == {f"layer3/{NETNS}/lo", f"layer3/{QDHCP}/tap{DHCP[:11]}"}


def test_a_node_that_does_not_answer_has_none_of_it() -> None:
    assert elements(Asked, PLACE, WEB) == {}
    assert elements(Answers, PLACE, WEB) == {}
    assert not [one for one in elements(Layer3, PLACE).values() if METADATA in getattr(one, "addresses", ())]


def test_a_router_that_is_down_is_not_asked() -> None:
    down = replace(router(ha=True), admin_state_up=False)
    assert f"asked/{NETNS}" not in elements(Asked, ANSWERS, down)


def test_no_election_waits_for_metadata() -> None:
    state = host_state(specs_of([*gateway_node(ha=True), WEB]), VLANS, ANSWERS)
    assert {one.owner for one in state.elements.values() if isinstance(one.element, Answers | Asked)} == {HOST}
    assert state.elements[f"layer3/{NETNS}/lo"].owner == HOST


def test_an_instance_is_a_file_for_each_of_its_addresses_and_for_that_of_its_mac() -> None:
    answers = [one for one in elements(Answers, ANSWERS, WEB).values() if isinstance(one, Answers)]
    named = ("192.168.80.10", "fe80::f816:3eff:fe00:5")
    assert {one.path for one in answers} == {f"instances/{INSIDE}/{address}.json" for address in named}
    assert [decode(one.text.encode(), InstanceSpec) for one in answers] == [WEB, WEB]


def on_link(namespace: str, interface: str) -> Asked:
    return Asked(
        listener=Listener(
            name=f"{namespace}.{interface}",
            namespace=namespace,
            networks=(INSIDE,),
            address=IPv6Address("fe80::a9fe:a9fe"),
            interface=interface,
        )
    )


def test_over_ipv6_a_router_is_asked_on_the_link() -> None:
    plain = router(ha=True)
    asked = replace(plain, interfaces=tuple(replace(one, asked_over_ipv6=True) for one in plain.interfaces))
    found = elements(Asked, ANSWERS, asked)
    assert on_link(NETNS, f"qr-{QR[:11]}") in found.values()
    assert len(found) == len(elements(Asked, ANSWERS)) + 1
    alone = replace(asked, ha=None)
    layer3 = elements(Layer3, ANSWERS, alone)[f"layer3/{NETNS}/qr-{QR[:11]}"]
    assert METADATA_IPV6 in getattr(layer3, "addresses", ())


def test_over_ipv6_a_dhcp_server_is_asked_on_the_link() -> None:
    asked = replace(dhcp(), addresses=(*dhcp().addresses, IPv6Interface("2001:db8::2/64")), asked_over_ipv6=True)
    interface = f"tap{DHCP[:11]}"
    assert on_link(QDHCP, interface) in elements(Asked, ANSWERS, asked).values()
    assert METADATA_IPV6 in getattr(elements(Layer3, ANSWERS, asked)[f"layer3/{QDHCP}/{interface}"], "addresses", ())
    never = replace(ANSWERS, metadata_route="never")
    assert METADATA_IPV6 not in getattr(elements(Layer3, never, asked)[f"layer3/{QDHCP}/{interface}"], "addresses", ())


def test_files_are_read_back_as_they_were_put_and_nobody_else_reads_them(tmp_path: Path) -> None:
    driver = MetadataDriver(tmp_path / "socket", tmp_path / "metadata")
    answers = Answers(path="instances/n/192.0.2.1.json", text="{}")
    assert driver.put([answers]) == {}
    assert driver.read([answers]) == {answers.key: answers}
    assert (tmp_path / "metadata" / "instances" / "n").stat().st_mode & 0o777 == 0o700
    assert driver.remove([answers]) == {}
    assert driver.read([answers]) == {}
    assert not (tmp_path / "metadata" / "instances" / "n").exists()


def test_a_program_that_does_not_run_is_told_of_and_what_is_not_wanted_goes_without_it(tmp_path: Path) -> None:
    driver = MetadataDriver(tmp_path / "socket", tmp_path / "metadata")
    asked = Asked(listener=Listener(name="qrouter-1", namespace="qrouter-1", networks=()))
    assert "is `futago metadata` running?" in driver.put([asked])[asked.key]
    assert driver.read([asked]) == {}
    assert driver.read([]) == {asked.key: asked}
    assert driver.remove([asked]) == {}
    assert driver.read([]) == {}
