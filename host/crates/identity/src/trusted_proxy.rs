//! Trusted proxies, by blocks of addresses. The log trusts them for the caller and the caller's address.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use ipnet::IpNet;
use mcp_audit_log_contract::access::Viewer;
use mcp_audit_log_model::format::prefix;
use mcp_audit_log_model::name;

use super::{GroupMap, Person};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The trusted proxies, and the headers in which they name the caller. By default there are none, and the log trusts no
/// header about the caller.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    proxies: Arc<[Network]>,
    names: Option<Arc<HeaderNames>>,
    groups: Arc<GroupMap>,
}

/// The headers in which a proxy names the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames {
    /// The user's name. Without it the request is not signed in.
    pub user: HeaderName,
    /// The user's groups, separated by commas.
    pub groups: Option<HeaderName>,
    /// The tenant of the platform.
    pub instance: Option<HeaderName>,
    /// Whether a user without a tenant may sign in although a header for the tenant is configured. Such a user sees
    /// entries without a tenant, and may be allowed to change settings for all.
    pub instance_optional: bool,
}

impl HeaderNames {
    /// Only the user, from this header.
    pub fn new(user: HeaderName) -> Self {
        Self { user, groups: None, instance: None, instance_optional: false }
    }
}

/// In a request's extensions: the user that a trusted proxy signed in.
#[derive(Clone, Debug)]
pub struct VouchedUser(pub Person);

impl TrustedProxies {
    /// Trusts these proxies for addresses.
    pub fn new(proxies: impl IntoIterator<Item = Network>) -> Self {
        Self { proxies: proxies.into_iter().collect(), ..Self::default() }
    }

    /// Lets the proxies also sign users in with these headers; `groups` maps their groups to the policy's.
    pub fn sign_in(mut self, names: HeaderNames, groups: GroupMap) -> Self {
        self.names = Some(Arc::new(names));
        self.groups = Arc::new(groups);
        self
    }

    /// Whether the peer of a connection is one of the proxies.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }

    /// The address of the original client. Each proxy appends the address of its peer, so the last address that is not
    /// one of our proxies is the last one that can be trusted.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
        let mut client = peer;
        // From the last hop: an unreadable one, which a caller may send, must not hide later ones.
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            if !self.trusts(client) {
                break;
            }
            let Some(address) = std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else { break };
            client = address;
        }
        client
    }

    /// The user in the headers. Only for headers of a trusted proxy.
    pub fn person(&self, headers: &HeaderMap) -> Option<Person> {
        let names = self.names.as_ref()?;
        let user = one(headers, &names.user)?;
        let instance = match &names.instance {
            Some(name) => single(headers, name)?,
            None => None,
        };
        if names.instance.is_some() && instance.is_none() && !names.instance_optional {
            tracing::warn!(
                "the proxy sends a user without a tenant, so its headers are rejected; see \
                            instance_optional"
            );
            return None;
        }
        let groups = match &names.groups {
            Some(name) => single(headers, name)?.unwrap_or_default(),
            None => String::new(),
        };
        let groups = self.groups.map(groups.split(',').map(str::trim));
        let is_name = |text: &String| name::check(text).is_ok();
        let named = is_name(&user) && instance.as_ref().is_none_or(is_name);
        named.then_some(Person { viewer: Viewer { user, groups, instance }, connection: None })
    }

    /// Removes identity headers of other senders, so that no later service trusts them.
    pub fn strip(&self, headers: &mut HeaderMap) {
        let Some(names) = &self.names else { return };
        for name in [Some(&names.user), names.groups.as_ref(), names.instance.as_ref()].into_iter().flatten() {
            headers.remove(name);
        }
    }
}

/// The only value of a required header.
fn one(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    single(headers, name)?
}

/// The only value of a header, if it has one. `None`: it is unreadable or occurs twice. A proxy that appends its value
/// to the caller's value must not count as one that replaces it.
fn single(headers: &HeaderMap, name: &HeaderName) -> Option<Option<String>> {
    let mut values = headers.get_all(name).iter();
    let (first, more) = (values.next(), values.next());
    if more.is_some() {
        tracing::warn!(header = %name, "the proxy sends this header twice, so it is rejected; let the proxy replace \
                                        the caller's header");
        return None;
    }
    let text = first.map(|value| std::str::from_utf8(value.as_bytes()).map(str::trim));
    let text = text.transpose().ok()?;
    Some(text.filter(|text| !text.is_empty()).map(str::to_owned))
}

/// An address as proxies write it: alone, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let alone = || text.parse().ok();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    alone().or_else(with_port).or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

/// A block of addresses with the same first bits: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// A text that is not an address or a network.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an address or a network; write one such as 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32")]
pub struct NetworkError(String);

impl Network {
    /// Whether it contains `address`. An IPv4 address from an IPv6 socket counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| NetworkError(prefix(text, 80).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    fn front() -> TrustedProxies {
        let names = HeaderNames {
            user: HeaderName::from_static("x-user"),
            groups: Some(HeaderName::from_static("x-groups")),
            instance: Some(HeaderName::from_static("x-instance")),
            instance_optional: false,
        };
        let groups = GroupMap::new([("sre".to_owned(), vec!["admin".to_owned()])].into(), Vec::new());
        TrustedProxies::new(["10.0.0.0/8".parse().expect("a block")]).sign_in(names, groups)
    }

    #[test]
    fn the_client_is_the_last_address_outside_our_proxies() {
        let client = |peer: &str, lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            front().client(peer.parse().expect("an address"), &headers(&lines)).to_string()
        };
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "nobody else is believed");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1"]), "198.51.100.1", "what the caller wrote before");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "198.51.100.1:443, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:9"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["ü, 198.51.100.1"]), "198.51.100.1", "what nobody can read hides nothing");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "ü, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "ü"]), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_proxy_must_name_the_user_exactly_once() {
        let person = |pairs: &[(&'static str, &str)]| front().person(&headers(pairs));
        let viewer =
            person(&[("x-user", "ada"), ("x-groups", "staff, sre"), ("x-instance", "eu")]).expect("ada").viewer;
        assert_eq!((viewer.user.as_str(), viewer.instance.as_deref()), ("ada", Some("eu")));
        assert_eq!(viewer.groups, ["admin"]);
        for nobody in [
            &[("x-groups", "sre")][..],
            &[("x-user", " ")],
            &[("x-user", "root"), ("x-user", "ada")],
            &[("x-user", "ada"), ("x-instance", "a"), ("x-instance", "b")],
            &[("x-user", "ada"), ("x-instance", "a"), ("x-groups", "staff"), ("x-groups", "sre")],
            &[("x-user", "ada"), ("x-instance", "")],
            &[("x-user", "ada")],
            &[("x-user", "ad\u{200b}a"), ("x-instance", "a")],
        ] {
            assert_eq!(person(nobody), None, "{nobody:?}");
        }
        assert_eq!(TrustedProxies::default().person(&headers(&[("x-user", "ada")])), None);
    }

    #[test]
    fn a_block_contains_addresses_with_its_prefix() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", &["10.0.0.1", "10.255.255.255", "::ffff:10.1.2.3"][..], &["11.0.0.0", "::1", "9.9.9.9"][..]),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.128/25", &["192.0.2.128", "192.0.2.255"], &["192.0.2.127"]),
            ("2001:db8::/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "10.0.0.1"]),
            ("0.0.0.0/0", &["203.0.113.9"], &["2001:db8::1"]),
            ("::1/128", &["::1"], &["::2"]),
        ] {
            let network: Network = block.parse().expect("a block");
            let contains = |address: &&str| network.contains(address.parse().expect("an address"));
            assert!(inside.iter().all(contains) && !outside.iter().any(contains), "{block}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy.example", "10.0.0.0/", "10.0.0.0/-1", "/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
