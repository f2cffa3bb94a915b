"""The kernel's messages about connections."""

import struct

from hypothesis import example, given
from hypothesis import strategies as st

from futago.conntrack import ctnetlink
from futago.conntrack.entry import Entry, Status, TcpState, matters
from unit.conntrack.samples import ENTRIES, entry

RECORDED = bytes.fromhex(
    "c400000000010000000000000000000002000000340001801400018008000100c0a85009080002000a0050011c0002800500"
    "01000600000006000200ab49000006000300138800003400028014000180080001000a005001080002000a0050651c000280"
    "0500010006000000060002001388000006000300ab49000008000c002a7e3ef5080003000000019e08000700000697803000"
    "04802c0001800500010003000000050002000a000000050003000a00000006000400230000000600050023000000"
)
"""A connection through SNAT becomes established, as Linux 6.18 tells it; an id and window scales are not read here."""


def test_a_recorded_message_is_understood() -> None:
    (event,) = ctnetlink.read(RECORDED).events
    assert event.entry == Entry(
        key=bytes.fromhex("06" + "c0a85009" + "0a005001" + "ab49" + "1388"),
        reply=bytes.fromhex("0a005001" + "0a005065" + "1388" + "ab49"),
        status=Status.SEEN_REPLY | Status.ASSURED | Status.SRC_NAT,
        tcp_state=TcpState.ESTABLISHED,
        timeout=432000,
    )
    assert not event.destroyed
    assert matters(event.entry, routed=False)


@given(ENTRIES)
def test_what_is_written_says_what_was_meant(one: Entry) -> None:
    """Without NAT in the reply, since the kernel makes that itself."""
    (event,) = ctnetlink.read(ctnetlink.create(one, 7)).events
    mirrored = one.key[5:9] + one.key[1:5] + one.key[11:13] + one.key[9:11]
    assert event.entry == one._replace(reply=mirrored)


@given(ENTRIES)
def test_a_renewal_never_names_the_translation(one: Entry) -> None:
    """The kernel refuses to change it, and with it the rest."""
    found = ctnetlink._spans(ctnetlink.update(one), 20, len(ctnetlink.update(one)))
    assert not {ctnetlink._NAT_SRC, ctnetlink._NAT_DST} & found.keys()


def test_the_number_of_a_request_is_found_in_its_acknowledgement() -> None:
    request = ctnetlink.numbered(ctnetlink.delete(entry().key), 77)
    assert struct.unpack_from("=I", request, 8) == (77,)
    refused = struct.pack("=IHHIIi", 20, 2, 0, 77, 0, -2)
    assert ctnetlink.read(refused).codes == {77: ctnetlink.GONE}
    done = struct.pack("=IHHIIi", 20, 3, 0, 1, 0, 0)
    assert ctnetlink.read(done).done


@given(st.binary(max_size=400))
@example(RECORDED[:100])
@example(struct.pack("=IHHII", 0, 0x100, 0, 0, 0))
def test_no_bytes_bring_it_down(data: bytes) -> None:
    ctnetlink.read(data)


@given(st.integers(0, len(RECORDED) - 1), st.integers(0, 255))
def test_a_message_with_any_byte_changed_brings_nothing_down(at: int, value: int) -> None:
    changed = bytearray(RECORDED)
    changed[at] = value
    for event in ctnetlink.read(bytes(changed)).events:
        assert len(event.entry.key) == 13
        assert len(event.entry.reply) == 12


def test_only_what_a_twin_needs_matters() -> None:
    plain = entry()._replace(status=Status.SEEN_REPLY | Status.ASSURED)
    assert not matters(plain, routed=False)
    assert matters(plain, routed=True)
    assert not matters(entry(state=2), routed=True), "the handshake is not complete"
    assert not matters(entry(state=7), routed=True), "both have closed"
    answered = entry(protocol=17)
    assert matters(answered, routed=False)
    assert not matters(answered._replace(status=int(Status.SRC_NAT)), routed=False)
    assert not matters(entry(protocol=47), routed=True)
