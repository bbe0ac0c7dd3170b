//! Which addresses are globally reachable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// The blocks of IPv4 that aren't globally reachable. A block with exceptions is refused as a whole.
///
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const IPV4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),       // this network
    v4([10, 0, 0, 0], 8),      // private
    v4([100, 64, 0, 0], 10),   // shared, behind a carrier's NAT
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local, and the metadata of cloud providers
    v4([172, 16, 0, 0], 12),   // private
    v4([192, 0, 0, 0], 24),    // protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 88, 99, 0], 24),  // relays of 6to4
    v4([192, 168, 0, 0], 16),  // private
    v4([198, 18, 0, 0], 15),   // benchmarking
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, and the broadcast address
];

/// What IANA has allocated as global unicast. Everything else is unspecified, loopback, mapped or translated IPv4
/// (`::ffff:0:0/96`, `64:ff9b::/96`), unique local, link-local, multicast or reserved.
///
/// <https://www.iana.org/assignments/ipv6-address-space>
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0], 3);

/// The blocks within it that aren't globally reachable. A block with exceptions is refused as a whole.
///
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const IPV6: [Ipv6Net; 4] = [
    v6([0x2001, 0], 23),      // protocol assignments, such as Teredo and ORCHID
    v6([0x2001, 0x0db8], 32), // documentation
    v6([0x2002, 0], 16),      // 6to4, which contains IPv4
    v6([0x3fff, 0], 20),      // documentation
];

const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([first, second]: [u16; 2], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), length)
}

/// Whether packets to the address can travel the internet, and can't reach a private network. An address that contains
/// another, such as one of 6to4, isn't.
pub fn is_globally_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !IPV4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST.contains(&address) && !IPV6.iter().any(|block| block.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn special_addresses_and_the_ends_of_their_blocks_are_not_reachable() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.9",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2001:db8:ffff::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff::1",
        ] {
            assert!(
                !is_globally_reachable(address.parse().unwrap()),
                "{address}"
            );
        }
    }

    #[test]
    fn public_addresses_and_the_neighbours_of_special_blocks_are_reachable() {
        for address in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "3ffe::1",
        ] {
            assert!(is_globally_reachable(address.parse().unwrap()), "{address}");
        }
    }

    proptest! {
        /// The standard library knows some of the blocks by itself.
        #[test]
        fn no_address_that_the_standard_library_calls_special_is_reachable(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let is_special = address.is_unspecified() || address.is_loopback() || address.is_private()
                || address.is_link_local() || address.is_documentation() || address.is_multicast()
                || address.is_broadcast();
            prop_assert!(!(is_special && is_globally_reachable(address.into())));
        }

        /// Whatever IPv4 address it contains.
        #[test]
        fn no_address_that_contains_an_ipv4_address_is_reachable(bits: u32) {
            let (high, low) = ((bits >> 16) as u16, (bits & 0xffff) as u16);
            for address in [
                Ipv4Addr::from_bits(bits).to_ipv6_mapped(),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low),
            ] {
                prop_assert!(!is_globally_reachable(address.into()), "{}", address);
            }
        }

        #[test]
        fn no_unicast_address_of_a_site_or_link_is_reachable(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            let is_special = address.is_unspecified() || address.is_loopback() || address.is_unique_local()
                || address.is_unicast_link_local() || address.is_multicast();
            prop_assert!(!(is_special && is_globally_reachable(address.into())));
        }
    }
}
