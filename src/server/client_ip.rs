//! The caller's address: the peer's, or what trusted reverse proxies say it is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The caller's address, in every request's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientIp(pub IpAddr);

/// The caller's address: the rightmost entry of `X-Forwarded-For` that is not a trusted proxy, and the peer
/// itself when it is not trusted or anything on the way there is not an address. `xff` are the header's
/// lines in order.
pub fn client_ip(peer: IpAddr, xff: &[&str], trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let mut caller = peer;
    for entry in xff.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(ip) = parse(entry) else { return peer };
        caller = ip;
        if !is_trusted(ip, trusted) {
            break;
        }
    }
    caller
}

/// The caller's address from a request's headers; `None` is the peer of a Unix socket, which is trusted.
pub(super) fn of_request(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpNet]) -> ClientIp {
    let (peer, trusted): (IpAddr, &[IpNet]) = match peer {
        Some(peer) if trusted.is_empty() => return ClientIp(peer.to_canonical()),
        Some(peer) => (peer, trusted),
        None => (UNIX_PEER, &[&[IpNet::V4(LOOPBACK)], trusted].concat()),
    };
    if !headers.contains_key(X_FORWARDED_FOR) {
        return ClientIp(peer.to_canonical());
    }
    // A line that is not text is no address: it makes the peer the caller.
    let lines: Vec<&str> =
        headers.get_all(X_FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("?")).collect();
    ClientIp(client_ip(peer, &lines, trusted))
}

/// Whether a peer is a trusted reverse proxy; `None` is the peer of a Unix socket, which is.
pub(super) fn is_trusted_peer(peer: Option<IpAddr>, trusted: &[IpNet]) -> bool {
    peer.is_none_or(|peer| is_trusted(peer.to_canonical(), trusted))
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Stands for whoever is behind a Unix socket: a process of this machine.
const UNIX_PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK: ipnet::Ipv4Net = ipnet::Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 32);

fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// An address, also with a port as some proxies write it.
fn parse(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let ip = entry.parse().or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()));
    ip.ok().map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, xff: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        client_ip(peer.parse().unwrap(), xff, &trusted).to_string()
    }

    #[test]
    fn sec_n06_forwarded_addresses_of_untrusted_peers_are_ignored() {
        assert_eq!(of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn sec_n06_the_rightmost_untrusted_address_is_the_caller() {
        assert_eq!(of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // What the caller itself sent stands further left and is not believed.
        assert_eq!(of("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["1.1.1.1", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("fd00::1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(of("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(of("10.0.0.1", &["10.0.0.7"]), "10.0.0.7");
    }

    #[test]
    fn sec_n06_garbage_makes_the_peer_the_caller() {
        for garbage in
            ["", "unknown", "198.51.100.1, ", "198.51.100.1, x", "1.2.3", "1.2.3.4.5", "0x7f.1", "999.1.1.1"]
        {
            assert_eq!(of("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage}");
        }
        // Left of the caller nothing is looked at.
        assert_eq!(of("10.0.0.1", &["garbage, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn sec_n06_a_unix_peer_is_a_trusted_proxy() {
        let mut headers = HeaderMap::new();
        assert_eq!(of_request(None, &headers, &[]).0.to_string(), "127.0.0.1");
        headers.append(X_FORWARDED_FOR, "198.51.100.1".parse().unwrap());
        assert_eq!(of_request(None, &headers, &[]).0.to_string(), "198.51.100.1");
        assert_eq!(of_request(Some(UNIX_PEER), &headers, &[]).0.to_string(), "127.0.0.1");
    }
}
