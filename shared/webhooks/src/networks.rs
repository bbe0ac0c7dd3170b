//! The private networks that events may be sent to.

use std::net::IpAddr;

use api::input::FromSettings;
use https::Guard;
use ipnet::IpNet;
use settings::{Misconfigured, optional};

use crate::address::is_globally_reachable;

/// The private networks to which events may be sent, also without TLS: the variable `WEBHOOK_NETWORKS`, such as
/// `10.1.0.0/16,fd12:3456::/32`. By default there are none.
#[derive(Clone, Debug)]
pub struct Networks(Vec<IpNet>);

impl FromSettings for Networks {
    fn from_settings() -> Result<Self, Misconfigured> {
        let networks = optional("WEBHOOK_NETWORKS").unwrap_or_default();
        Self::parse(&networks).ok_or(Misconfigured(
            "WEBHOOK_NETWORKS",
            "expected networks such as 10.1.0.0/16 or fd12:3456::/32, separated by commas",
        ))
    }
}

impl Networks {
    fn parse(networks: &str) -> Option<Self> {
        let networks = networks.split(',').map(str::trim);
        let networks = networks.filter(|network| !network.is_empty());
        let parsed: Result<_, _> = networks.map(str::parse).collect();
        parsed.ok().map(Self)
    }

    /// Whether there are any.
    pub(crate) fn are_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether events may be sent to the address: it is in one of the networks, or it is globally reachable and the
    /// connection uses TLS.
    pub fn admit(&self, address: IpAddr, is_encrypted: bool) -> bool {
        self.0.iter().any(|network| network.contains(&address))
            || (is_encrypted && is_globally_reachable(address))
    }
}

impl Guard for &'static Networks {
    fn admits(&self, address: IpAddr, is_encrypted: bool) -> bool {
        self.admit(address, is_encrypted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(networks: &str, address: &str, is_encrypted: bool) -> bool {
        let networks = Networks::parse(networks).unwrap();
        networks.admit(address.parse().unwrap(), is_encrypted)
    }

    #[test]
    fn without_networks_only_public_addresses_are_admitted_and_only_with_tls() {
        for networks in ["", " ", ","] {
            assert!(admit(networks, "8.8.8.8", true));
            assert!(!admit(networks, "8.8.8.8", false));
            assert!(!admit(networks, "127.0.0.1", true));
        }
    }

    #[test]
    fn a_named_network_is_admitted_with_and_without_tls_and_no_other() {
        let networks = "10.1.0.0/16, fd12:3456::/32";
        for is_encrypted in [true, false] {
            assert!(admit(networks, "10.1.2.3", is_encrypted));
            assert!(admit(networks, "fd12:3456::7", is_encrypted));
            assert!(!admit(networks, "10.2.0.1", is_encrypted));
            assert!(!admit(networks, "::1", is_encrypted));
            // An address that contains one of the network is another.
            assert!(!admit(networks, "::ffff:10.1.2.3", is_encrypted));
        }
    }

    #[test]
    fn other_text_is_refused() {
        for networks in [
            "10.1.0.0",
            "10.1.0.0/33",
            "example.org",
            "10.1.0.0/16;10.2.0.0/16",
        ] {
            assert!(Networks::parse(networks).is_none(), "{networks}");
        }
    }
}
