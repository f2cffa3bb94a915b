"""Router advertisements: what stands in them, and when they are sent."""

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.values import IPv6Address, IPv6Network, Mac, Millis
from futago.vrrp import radv
from futago.vrrp.radv import ALL_NODES

MAC = Mac("fa:16:3e:25:05:d7")
PREFIX, OTHER_PREFIX = IPv6Network("2001:db8:1::/64"), IPv6Network("2001:db8:2::/64")
HOST, OTHER_HOST, NOBODY = IPv6Address("fe80::1"), IPv6Address("fe80::2"), IPv6Address("::")
SOLICITATION = bytes([133, 0, 0, 0, 0, 0, 0, 0])
SOURCE_LINK = bytes([1, 1, 0, 0, 0, 0, 0, 1])
NOW = Millis(1_000_000)


def told(
    *, managed: bool = False, other: bool = False, autonomous: bool = True, dns: tuple[str, ...] = ()
) -> Advertisement:
    return Advertisement(
        managed=managed,
        other=other,
        mtu=1450,
        prefixes=(AdvertisedPrefix(prefix=PREFIX, autonomous=autonomous),),
        dns_servers=tuple(IPv6Address(one) for one in dns),
    )


def options(message: bytes) -> dict[int, list[bytes]]:
    """By their types; the header before them is left out."""
    found: dict[int, list[bytes]] = {}
    at = 16
    while at < len(message):
        length = 8 * message[at + 1]
        found.setdefault(message[at], []).append(message[at : at + length])
        at += length
    assert at == len(message)
    return found


def test_an_advertisement_has_the_link_s_mtu_prefix_and_the_router_s_mac() -> None:
    message = radv.encode(told(), MAC, lifetime=300)
    assert message[:2] == bytes([134, 0])
    assert message[4] == 64, "the hop limit for hosts"
    assert int.from_bytes(message[6:8]) == 300
    found = options(message)
    assert found[1] == [bytes.fromhex("0101fa163e2505d7")]
    assert found[5] == [bytes.fromhex("05010000000005aa")]
    (prefix,) = found[3]
    assert (prefix[2], prefix[16:]) == (64, PREFIX.network_address.packed)
    assert (int.from_bytes(prefix[4:8]), int.from_bytes(prefix[8:12])) == (86400, 14400)


def test_the_flags_tell_where_addresses_and_settings_come_from() -> None:
    flags = {
        (managed, other): radv.encode(told(managed=managed, other=other), MAC, lifetime=300)[5]
        for managed in (False, True)
        for other in (False, True)
    }
    assert flags == {(False, False): 0, (False, True): 0x40, (True, False): 0x80, (True, True): 0xC0}
    use = [options(radv.encode(told(autonomous=own), MAC, lifetime=300))[3][0][3] for own in (True, False)]
    assert use == [0xC0, 0x80]


def test_dns_servers_are_named_for_as_long_as_the_router_is_one() -> None:
    (servers,) = options(radv.encode(told(dns=("2001:db8::53", "2001:db8::54")), MAC, lifetime=300))[25]
    assert servers[1] == 5
    assert int.from_bytes(servers[4:8]) == 300
    assert servers[8:] == IPv6Address("2001:db8::53").packed + IPv6Address("2001:db8::54").packed
    assert 25 not in options(radv.encode(told(), MAC, lifetime=300))


def test_a_former_prefix_is_given_up_unless_it_is_there_again() -> None:
    found = options(radv.encode(told(), MAC, lifetime=300, former={PREFIX, OTHER_PREFIX}))[3]
    lifetimes = {prefix[16:]: int.from_bytes(prefix[4:12]) for prefix in found}
    assert len(found) == 2
    assert lifetimes[OTHER_PREFIX.network_address.packed] == 0
    assert lifetimes[PREFIX.network_address.packed] != 0


def test_a_solicitation_is_taken_from_the_link_and_well_formed_only() -> None:
    assert radv.solicits(SOLICITATION, HOST, 255)
    assert radv.solicits(SOLICITATION + SOURCE_LINK, HOST, 255)
    assert radv.solicits(SOLICITATION, NOBODY, 255)
    assert not radv.solicits(SOLICITATION, HOST, 254), "from beyond the link"
    assert not radv.solicits(SOLICITATION[:7], HOST, 255)
    assert not radv.solicits(bytes([133, 1]) + SOLICITATION[2:], HOST, 255)
    assert not radv.solicits(SOLICITATION + bytes([1, 0, 0, 0, 0, 0, 0, 0]), HOST, 255), "an option without length"
    assert not radv.solicits(SOLICITATION + bytes([1]), HOST, 255)
    assert not radv.solicits(SOLICITATION + bytes([1, 2, 0, 0, 0, 0, 0, 0]), HOST, 255), "an option longer than all"
    assert not radv.solicits(SOLICITATION + SOURCE_LINK, NOBODY, 255), "who has no address yet has no such option"


def test_the_first_three_come_at_short_intervals_and_the_others_at_long_ones() -> None:
    schedule = radv.begin(NOW, 0.5)
    times = []
    for _ in range(5):
        now = schedule.deadline
        assert schedule.due(now, 1.0) == [ALL_NODES]
        times.append(now)
    assert [time - NOW for time in times] == [500, 16_500, 32_500, 132_500, 232_500]
    assert schedule.due(Millis(times[-1] + 1), 0.0) == []


def test_who_asks_is_told_alone_within_half_a_second() -> None:
    schedule = settled()
    schedule.asked(HOST, NOW, 0.9)
    schedule.asked(HOST, NOW, 0.1)
    schedule.asked(OTHER_HOST, NOW, 0.5)
    assert schedule.deadline == NOW + 250
    assert schedule.due(Millis(NOW + 250), 0.0) == [OTHER_HOST]
    assert schedule.due(Millis(NOW + 450), 0.0) == [HOST]


def test_who_has_no_address_is_told_with_all_others_but_not_too_often() -> None:
    schedule = settled()
    schedule.asked(NOBODY, NOW, 0.2)
    assert schedule.due(Millis(NOW + 100), 0.0) == [ALL_NODES]
    schedule.asked(NOBODY, Millis(NOW + 200), 0.0)
    assert schedule.deadline == NOW + 3100


def test_many_who_ask_share_one_answer() -> None:
    schedule = settled()
    for number in range(100):
        schedule.asked(IPv6Address(int(HOST) + number), NOW, 0.5)
    assert schedule.due(Millis(NOW + 250), 0.0) == [ALL_NODES]
    assert schedule.waiting == {}, "they have been told"


def test_what_is_new_is_told_soon_and_again() -> None:
    schedule = settled()
    schedule.again(NOW, 1.0)
    times = []
    for _ in range(3):
        times.append(schedule.deadline - NOW)
        schedule.due(schedule.deadline, 1.0)
    assert times == [500, 16_500, 32_500]


def settled() -> radv.Schedule:
    """A link that was told long ago, and is to be told again long after."""
    return radv.Schedule(multicast_at=Millis(NOW + 90_000), initial=0, last=Millis(NOW - 10_000))
