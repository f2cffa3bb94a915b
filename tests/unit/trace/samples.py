"""Traces as Open vSwitch prints them."""


def trace_of(ports: tuple[str, ...] = (), tunnel: str = "") -> str:
    """One that ends at these ports, in a tunnel, or nowhere."""
    pushed = f"tnl_push(tnl_port(vxlan_sys_4789),header(size=50,type=4,ipv4(src=192.0.2.3,dst={tunnel},proto=17)))"
    actions = ",".join([*ports, *([f"clone({pushed},br-phy)"] if tunnel else [])]) or "drop"
    return f"""Flow: icmp,in_port=1,vlan_tci=0x0000

bridge("br-int")
----------------
 0. priority 0, cookie 0xf7a0
    resubmit(,72)
72. priority 0
    {"NORMAL" if ports or tunnel else "drop"}

Final flow: unchanged
Megaflow: recirc_id=0,eth,icmp
Datapath actions: {actions}
"""


FLOODED = """\
Flow: icmp,in_port=tap1,vlan_tci=0x0000,nw_src=192.168.80.10,nw_dst=10.0.80.1,icmp_type=8,icmp_code=0

bridge("br-int")
----------------
 0. priority 0
    resubmit(,60)
60. priority 3
    NORMAL
     -> no learned MAC for destination, flooding

    bridge("br-tun")
    ----------------
         0. in_port="patch-int", priority 1
            resubmit(,2)
         2. priority 0
            resubmit(,22)
        22. dl_vlan=1, priority 1
            pop_vlan
            set_field:0x3e8->tun_id
            output:"vxlan-c0000201"
             -> output to native tunnel
             -> tunneling to 192.0.2.1 via br-under

        bridge("br-under")
        ------------------
         0. priority 0
            NORMAL
             -> forwarding to learned port

Final flow: unchanged
Megaflow: recirc_id=0,eth,ip,in_port=tap1
Datapath actions: push_vlan(vid=1,pcp=0),br-int,pop_vlan,clone(tnl_push(tnl_port(vxlan_sys_4789),header(size=50,type=4,\
eth(dst=02:00:00:00:00:99,src=36:48:c3:e2:f6:4b,dl_type=0x0800),ipv4(src=192.0.2.2,dst=192.0.2.1,proto=17,ttl=64),\
udp(src=0,dst=4789,csum=0x0),vxlan(flags=0x8000000,vni=0x3e8)),out_port(br-under)),under),eth1,"0-odd",tap2
"""
"""By Open vSwitch 3.1, shortened: a flood into a tunnel and to two ports of the bridge, and one of another bridge."""

TRACKED = """\
Flow: icmp,in_port=tap1,vlan_tci=0x0000,nw_src=192.168.80.10,nw_dst=10.0.80.1,icmp_type=8,icmp_code=0

bridge("br-int")
----------------
 0. ip,in_port=tap1,dl_dst=fa:16:3e:00:00:66, priority 5
    ct(table=72,zone=1)
    drop
     -> A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table 72.
     -> Sets the packet to an untracked state, and clears all the conntrack fields.

Final flow: unchanged
Megaflow: recirc_id=0,eth,ip,in_port=tap1,nw_frag=no
Datapath actions: ct(zone=1),recirc(0x1)

===============================================================================
recirc(0x1) - resume conntrack with default ct_state=trk|new (use --ct-next to customize)
===============================================================================

Flow: recirc_id=0x1,ct_state=new|trk,ct_zone=1,eth,icmp,in_port=tap1

bridge("br-int")
----------------
    thaw
        Resuming from table 72
72. ct_state=+new,ip, priority 10
    drop

Final flow: unchanged
Megaflow: recirc_id=0x1,ct_state=+new,eth,ip,in_port=tap1,nw_frag=no
Datapath actions: drop
"""
"""The same, dropped when the connection tracking has seen it."""

TUNNELLED_BY_THE_KERNEL = """\
bridge("br-int")
----------------
 0. priority 0
    NORMAL

Datapath actions: set(tunnel(tun_id=0x3e8,src=192.0.2.2,dst=192.0.2.1,ttl=64,tp_dst=4789,flags(df|key))),vxlan_sys_4789
"""
