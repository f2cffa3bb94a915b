"""An instance, as a node is told of it."""

from futago.contract.specs import DhcpRoute, InstanceAddress, InstanceSpec
from futago.values import IPv4Address, IPv4Interface, IPv4Network, Mac

BLUE = "11111111-aaaa-4000-8000-000000000001"
KEYS = ("ssh-ed25519 AAAAC3Nz one@here", "ssh-rsa AAAAB3Nz two@there")


def instance(*, dhcp: bool = True) -> InstanceSpec:
    address = InstanceAddress(
        address=IPv4Interface("192.168.80.10/24"),
        dhcp=dhcp,
        gateway=IPv4Address("192.168.80.1"),
        dns_servers=(IPv4Address("192.0.2.53"),),
        routes=(DhcpRoute(destination=IPv4Network("172.16.0.0/16"), next_hop=IPv4Address("192.168.80.99")),),
    )
    return InstanceSpec(
        port_id="eeeeeeee-0005-4000-8000-000000000005",
        network_id=BLUE,
        mac=Mac("fa:16:3e:00:00:05"),
        mtu=1450,
        addresses=(address,),
        instance_id="0f0f0f0f-0005-4000-8000-000000000005",
        project_id="p1",
        name="Web One",
        hostname="web-one.openstacklocal",
        ssh_keys=KEYS,
        user_data=b"#cloud-config\n",
        vendor_data='{"cloud-init": "#cloud-config\\n"}',
        meta=(("role", "web"),),
        availability_zone="",
    )
