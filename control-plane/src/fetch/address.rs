//! Which addresses may be connected to when somebody else chose the URL. Pure.
//!
//! IPv6 forms that carry an IPv4 address are judged by that address too, so that no spelling of a private address
//! passes. What is not plainly a public unicast address is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who chose the URL, and so how far it may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A server, an authorization server, a document: public addresses only.
    Public,
    /// The same, where this machine is trusted as well (development, and one person's own machine).
    PublicOrLoopback,
    /// Plain `http` to this machine, where that is allowed.
    Loopback,
    /// An operator named this very origin: private networks too, but never what no server is at.
    Named,
    /// The same, where this machine is trusted as well.
    NamedOrLoopback,
}

impl Reach {
    /// Whether a connection to `address` may be opened.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::PublicOrLoopback => is_public(address) || address.is_loopback(),
            Self::Loopback => address.is_loopback(),
            Self::Named => !is_never(address) && !unwrapped(address).is_loopback(),
            Self::NamedOrLoopback => !is_never(address),
        }
    }
}

/// Public unicast addresses, as far as can be told from the address.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = match (a, b) {
        // This network, private use, loopback, link-local (and with it the metadata services), multicast, reserved.
        (0 | 10 | 127 | 224..=255, _) | (169, 254) | (172, 16..=31) | (192, 168) => true,
        // Carrier-grade NAT (100.100.100.200 is a metadata service), benchmarking.
        (100, 64..=127) | (198, 18 | 19) => true,
        // IETF assignments and documentation, 6to4 relays, AS112.
        (192, 0) => c == 0 || c == 2,
        (192, 88) => c == 99,
        (192, 31) => c == 196,
        (192, 52) => c == 193,
        (192, 175) => c == 48,
        (198, 51) => c == 100,
        (203, 0) => c == 113,
        _ => false,
    };
    // Azure's platform address answers every virtual machine with its configuration.
    !special && v4 != Ipv4Addr::new(168, 63, 129, 16)
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let [a, b, ..] = v6.segments();
    // Only 2000::/3 is global unicast; within it, what tunnels, documents or tests is not a server.
    let global = a & 0xe000 == 0x2000;
    let special = match a {
        // IETF protocol assignments with Teredo, ORCHID and benchmarking; documentation.
        0x2001 => b < 0x0200 || b == 0x0db8,
        // 6to4 carries an IPv4 address.
        0x2002 => true,
        // Documentation.
        0x3fff => b < 0x1000,
        _ => false,
    };
    global && !special
}

/// Addresses at which no server an operator means can be: unspecified, multicast, broadcast, link-local, metadata.
fn is_never(address: IpAddr) -> bool {
    match unwrapped(address) {
        IpAddr::V4(v4) => {
            let [a, ..] = v4.octets();
            a == 0
                || a >= 224
                || v4.is_link_local()
                || matches!(v4.octets(), [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192])
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            let metadata = (a, b) == (0xfd00, 0x0ec2) || (a, b) == (0xfd20, 0x00ce);
            v6.is_unspecified() || v6.is_multicast() || a & 0xffc0 == 0xfe80 || metadata
        }
    }
}

/// The IPv4 address that an IPv6 address carries, if it is of a form that does: mapped, compatible, NAT64, 6to4.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let carried = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => carried(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => carried(high, low),
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => carried(high, low),
        [0x2002, high, low, ..] => carried(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, proptest};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn check(address: &str, public: bool, named: bool) {
        assert_eq!(Reach::Public.admits(ip(address)), public, "{address} public");
        assert_eq!(Reach::Named.admits(ip(address)), named, "{address} named");
    }

    #[test]
    fn only_public_servers_are_reached_unless_an_operator_named_them() {
        for public in ["1.1.1.1", "8.8.8.8", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"] {
            check(public, true, true);
        }
        for private in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1"] {
            check(private, false, true);
        }
        for private in ["::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:0a00:0001::1"] {
            check(private, false, true);
        }
    }

    #[test]
    fn metadata_link_local_multicast_and_unspecified_are_never_reached() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "::169.254.169.254",
        ];
        for address in never {
            check(address, false, false);
            assert!(!Reach::NamedOrLoopback.admits(ip(address)), "{address}");
        }
    }

    #[test]
    fn this_machine_is_reached_only_where_that_is_allowed() {
        for address in ["127.0.0.1", "127.8.9.1", "::1"] {
            check(address, false, false);
            for reach in [Reach::PublicOrLoopback, Reach::Loopback, Reach::NamedOrLoopback] {
                assert!(reach.admits(ip(address)), "{address} {reach:?}");
            }
        }
        check("::ffff:127.0.0.1", false, false);
        check("64:ff9b::7f00:1", false, false);
        assert!(!Reach::Loopback.admits(ip("1.1.1.1")));
        assert!(!Reach::PublicOrLoopback.admits(ip("10.0.0.1")));
        assert!(!Reach::PublicOrLoopback.admits(ip("::ffff:127.0.0.1")));
    }

    const PRIVATE: [(u32, u32); 12] = [
        (0x0000_0000, 8),
        (0x0a00_0000, 8),
        (0x6440_0000, 10),
        (0x7f00_0000, 8),
        (0xa9fe_0000, 16),
        (0xac10_0000, 12),
        (0xc000_0000, 24),
        (0xc0a8_0000, 16),
        (0xc612_0000, 15),
        (0xe000_0000, 4),
        (0xf000_0000, 4),
        (0xcb00_7100, 24),
    ];

    proptest! {
        #[test]
        fn no_spelling_of_a_private_address_is_public(block in 0..PRIVATE.len(), host in any::<u32>()) {
            let (base, bits) = PRIVATE[block];
            let v4 = Ipv4Addr::from(base | (host & (u32::MAX >> bits)));
            prop_assert!(!is_public(IpAddr::V4(v4)));
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            for v6 in [
                v4.to_ipv6_mapped(), v4.to_ipv6_compatible(), Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low), Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert!(!is_public(IpAddr::V6(v6)), "{v6}");
            }
        }

        #[test]
        fn whatever_is_public_is_global_unicast(bits in any::<u128>()) {
            let v6 = Ipv6Addr::from(bits);
            if is_public(IpAddr::V6(v6)) {
                prop_assert!(v6.segments()[0] >> 13 == 1);
            }
        }

        #[test]
        fn what_may_be_public_may_also_be_named(bits in any::<u32>()) {
            let address = IpAddr::V4(Ipv4Addr::from(bits));
            prop_assert!(!Reach::Public.admits(address) || Reach::Named.admits(address));
        }
    }
}
