"""A range of port numbers as values under bit masks, which is all that a flow can match."""


def port_masks(first: int, last: int) -> tuple[str, ...]:
    """The fewest matches that together are `first` to `last`, as `0x0016` or `0x0400/0xfc00`."""
    found = []
    while first <= last:
        size = first & -first or 1 << 16
        while first + size - 1 > last:
            size >>= 1
        mask = 0xFFFF & ~(size - 1)
        found.append(f"0x{first:04x}" if size == 1 else f"0x{first:04x}/0x{mask:04x}")
        first += size
    return tuple(found)
