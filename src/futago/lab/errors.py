"""What can go wrong in a lab, said with its cure."""

import shutil
from collections.abc import Mapping
from typing import Final

PACKAGES: Final[Mapping[str, str]] = {
    "dnsmasq": "dnsmasq-base",
    "ethtool": "ethtool",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ovs-vsctl": "openvswitch-switch",
    "ovs-vswitchd": "openvswitch-switch",
    "ovsdb-server": "openvswitch-switch",
    "ovsdb-tool": "openvswitch-switch",
    "ping": "iputils-ping",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "tcpdump": "tcpdump",
    "udhcpc": "udhcpc",
    "unshare": "util-linux",
}
"""Every program that a lab starts, and the Debian package that has it."""

PROGRAM: Final = "futago" if shutil.which("futago") else "./run"
"""How whoever reads our hints can call us."""

SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    """The lab cannot do what it was asked; the text names the thing and the cure."""


class ProgramEnded(LabError):
    """A program that should run has ended by itself: there is nothing to wait for."""


class CommandFailed(LabError):
    """A command inside a host ended with an error."""

    def __init__(self, where: str, argv: list[str], status: int, output: str) -> None:
        super().__init__(f"{where}: `{' '.join(argv)}` ended with status {status}: {output.strip()[-2000:]}")
        self.where, self.argv, self.status, self.output = where, argv, status, output


def require_programs(programs: Mapping[str, str] = PACKAGES) -> None:
    """Check that every program is installed.

    Raises:
        LabError: some are not; names them all and the command that installs them.

    """
    missing = sorted(name for name in programs if shutil.which(name, path=SEARCH_PATH) is None)
    if missing:
        packages = " ".join(sorted({programs[name] for name in missing}))
        raise LabError(f"not installed: {', '.join(missing)}. On Debian: apt-get install {packages}")
