"""What the program that answers instances is told, and where it finds it."""

from typing import Final

from futago.values import IPv4Address

METADATA_ADDRESS: Final = IPv4Address("169.254.169.254")
"""Where instances ask who they are; EC2's, and everybody's since."""
