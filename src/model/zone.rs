//! Network zones: named sets of addresses that the conditions of policies speak of (Okta `Zone` of type `IP`).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Status;
use crate::id::ZoneId;

/// A network zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// `nzo…`
    pub id: ZoneId,
    /// The name.
    pub name: String,
    /// Whether it is in use; a zone that is not holds no address.
    pub status: Status,
    /// The addresses.
    pub gateways: Vec<Gateway>,
}

impl Zone {
    /// Whether an address lies in the zone.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.status == Status::Active && self.gateways.iter().any(|gateway| gateway.contains(ip))
    }
}

/// Addresses of a zone, written `203.0.113.0/24` (`CIDR`), `203.0.113.1-203.0.113.9` (`RANGE`) or as one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gateway {
    /// A network (RFC 4632).
    Cidr(IpNet),
    /// From one address to another of the same family, both included.
    Range(IpAddr, IpAddr),
}

/// A text that names no addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be an address, a network like 203.0.113.0/24 or a range like 203.0.113.1-203.0.113.9")]
pub struct NoGateway;

impl Gateway {
    fn contains(&self, ip: IpAddr) -> bool {
        match self {
            Self::Cidr(network) => network.contains(&ip),
            // Addresses are ordered by family first, so none of the other family lies between.
            Self::Range(first, last) => *first <= ip && ip <= *last,
        }
    }
}

impl FromStr for Gateway {
    type Err = NoGateway;

    fn from_str(text: &str) -> Result<Self, NoGateway> {
        let address = |text: &str| text.trim().parse::<IpAddr>().map(|ip| ip.to_canonical());
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) =
                address(first).and_then(|first| Ok((first, address(last)?))).map_err(|_| NoGateway)?;
            let ordered = first.is_ipv4() == last.is_ipv4() && first <= last;
            return if ordered { Ok(Self::Range(first, last)) } else { Err(NoGateway) };
        }
        match text.trim().parse::<IpNet>() {
            Ok(network) => Ok(Self::Cidr(network)),
            Err(_) => address(text).map(|ip| Self::Cidr(IpNet::from(ip))).map_err(|_| NoGateway),
        }
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(network) => write!(f, "{network}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl Serialize for Gateway {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Gateway {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(gateways: &[&str]) -> Zone {
        Zone {
            id: ZoneId::new("nzo1"),
            name: "Office".to_owned(),
            status: Status::Active,
            gateways: gateways.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn a_zone_holds_its_networks_ranges_and_addresses() {
        let zone = zone(&["203.0.113.0/24", "198.51.100.5 - 198.51.100.9", "2001:db8::/32", "192.0.2.1"]);
        for inside in [
            "203.0.113.0",
            "203.0.113.255",
            "198.51.100.5",
            "198.51.100.9",
            "2001:db8::7",
            "192.0.2.1",
            "::ffff:203.0.113.9",
        ] {
            assert!(zone.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["203.0.114.0", "198.51.100.4", "198.51.100.10", "2001:db9::", "192.0.2.2", "::1"] {
            assert!(!zone.contains(outside.parse().unwrap()), "{outside}");
        }
        let off = Zone { status: Status::Inactive, ..zone };
        assert!(!off.contains("203.0.113.1".parse().unwrap()));
    }

    #[test]
    fn what_names_no_addresses_is_refused() {
        for text in
            ["", "office", "203.0.113.0/33", "1.2.3.4-", "1.2.3.9-1.2.3.4", "1.2.3.4-2001:db8::1", "1.2.3"]
        {
            assert_eq!(text.parse::<Gateway>(), Err(NoGateway), "{text}");
        }
    }

    #[test]
    fn a_gateway_is_stored_as_it_is_written() {
        for text in ["203.0.113.0/24", "198.51.100.5-198.51.100.9"] {
            let gateway: Gateway = text.parse().unwrap();
            let stored = serde_json::to_value(gateway).unwrap();
            assert_eq!(stored, text);
            assert_eq!(serde_json::from_value::<Gateway>(stored).unwrap(), gateway);
        }
    }
}
