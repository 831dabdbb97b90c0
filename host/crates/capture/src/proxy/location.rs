//! Maps addresses in an upstream's answers for the proxy's clients: addresses below the upstream's URL become addresses
//! below the proxy's path.

use axum::extract::OriginalUri;
use axum::http::{HeaderMap, HeaderValue, Request, Uri, header};

use super::upstream::Upstream;

/// The public address of a request.
#[derive(Clone, Debug)]
pub(crate) struct PublicAddress {
    /// The path of the upstream here, as the client wrote it: `/mcp/NAME`, with the prefix of an enclosing router.
    mount: String,
    name: String,
    /// The path below which the proxy is served.
    path: String,
    /// The address in front of it, such as `https://gateway.example.com`, if it is known.
    pub(crate) public: Option<String>,
}

impl PublicAddress {
    /// The public address of the upstream called `name`, for this request.
    pub(crate) fn of<B>(request: &Request<B>, name: &str, public: Option<String>, path: &str) -> Self {
        let inner = request.uri().path();
        let original = request.extensions().get::<OriginalUri>().map_or(inner, |OriginalUri(uri)| uri.path());
        let outside = original.strip_suffix(inner).unwrap_or_default();
        let mount = format!("{outside}/mcp/{name}");
        Self { mount, name: name.to_owned(), path: path.to_owned(), public }
    }

    fn public(&self) -> &str {
        self.public.as_deref().unwrap_or_default()
    }

    /// The URL of the server that clients were given.
    pub(crate) fn resource(&self) -> String {
        format!("{}{}/mcp/{}", self.public(), self.path, self.name)
    }

    /// The address of the metadata document about it.
    fn metadata(&self) -> String {
        format!("{}/.well-known/oauth-protected-resource{}/mcp/{}", self.public(), self.path, self.name)
    }

    /// The address for clients of `rest`, which belongs to an authorization server on the upstream's host.
    pub(crate) fn oauth(&self, rest: &str) -> String {
        format!("{}{}/oauth/{}{rest}", self.public(), self.path, self.name)
    }
}

/// Maps the headers that contain addresses.
pub(crate) fn relocate(headers: &mut HeaderMap, door: &PublicAddress, upstream: &Upstream, target: &Uri) {
    for name in [header::LOCATION, header::CONTENT_LOCATION] {
        let shown = headers.get(&name).and_then(|value| Some(upstream.shown(value.to_str().ok()?)));
        let mapped = shown.map(|shown| mapped(&shown, door, upstream, target).unwrap_or(shown));
        if let Some(mapped) = mapped.and_then(|mapped| HeaderValue::from_str(&mapped).ok()) {
            headers.insert(name, mapped);
        }
    }
    // A nested address, or bytes that are no text: better no address than one with the key in it.
    for name in [header::LOCATION, header::CONTENT_LOCATION, header::LINK, header::REFRESH] {
        if headers.get_all(&name).iter().any(|value| upstream.is_told_by(value.as_bytes())) {
            headers.remove(name);
        }
    }
}

/// Maps the metadata URL in a challenge, from which a client finds out how to sign in with the upstream (RFC 9728).
pub(crate) fn rechallenge(headers: &mut HeaderMap, door: &PublicAddress) {
    const MEMBER: &str = "resource_metadata=\"";
    let lines: Vec<HeaderValue> = headers.get_all(header::WWW_AUTHENTICATE).iter().cloned().collect();
    let mapped = |line: &HeaderValue| {
        let (before, rest) = line.to_str().ok()?.split_once(MEMBER)?;
        let (_, after) = rest.split_once('"')?;
        HeaderValue::from_str(&format!("{before}{MEMBER}{}\"{after}", door.metadata())).ok()
    };
    if door.public.is_none() || !lines.iter().any(|line| mapped(line).is_some()) {
        return;
    }
    headers.remove(header::WWW_AUTHENTICATE);
    for line in lines {
        headers.append(header::WWW_AUTHENTICATE, mapped(&line).unwrap_or(line));
    }
}

/// An address with its location on the upstream's host.
struct MappedAddress {
    path: String,
    /// Query and fragment.
    rest: String,
    /// Whether the original address had a host.
    whole: bool,
}

/// Maps `address`, in an answer to a request for `target`, for a client of the proxy; `None` if it stays unchanged.
///
/// An address on the upstream's host but outside of its base is not served here, where the same path may mean something
/// else: it becomes the upstream's own address in full.
fn mapped(address: &str, door: &PublicAddress, upstream: &Upstream, target: &Uri) -> Option<String> {
    let led = lead(address, upstream, target)?;
    match below(&led.path, upstream.url().path()) {
        Some(inside) => Some(format!("{}{inside}{}", door.mount, led.rest)),
        None => in_full(led, upstream),
    }
}

/// The upstream's own absolute address, if `address` is relative.
pub(crate) fn elsewhere(address: &str, upstream: &Upstream, target: &Uri) -> Option<String> {
    in_full(lead(address, upstream, target)?, upstream)
}

fn in_full(led: MappedAddress, upstream: &Upstream) -> Option<String> {
    (!led.whole).then(|| format!("{}{}{}", upstream.origin(), led.path, led.rest))
}

/// Path, query and fragment of an address that names the upstream's host.
pub(crate) fn on_host(address: &str, upstream: &Upstream) -> Option<String> {
    let (scheme, behind) = address.split_once("://")?;
    let (authority, rest) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
    upstream.is_at(scheme, authority).then(|| rest.to_owned())
}

/// The path on the upstream's host that `address` means; `None` if it is on another host, or is the same path.
fn lead(address: &str, upstream: &Upstream, target: &Uri) -> Option<MappedAddress> {
    let (path, rest) = address.split_at(address.find(['?', '#']).unwrap_or(address.len()));
    let (path, whole) = match path.split_once("//") {
        Some((scheme, behind)) if scheme.is_empty() || scheme.ends_with(':') => {
            let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
            if !upstream.is_at(scheme.trim_end_matches(':'), authority) {
                return None;
            }
            (path.to_owned(), true)
        }
        // Of another kind altogether, as mailto: is.
        _ if path.split('/').next().is_some_and(|first| first.contains(':')) => return None,
        _ if path.starts_with('/') => (path.to_owned(), false),
        // The same address with another query or fragment: it is right on both sides.
        _ if path.is_empty() => return None,
        _ => {
            let folder = target.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            (format!("{folder}/{path}"), false)
        }
    };
    Some(MappedAddress { path: plain(&path), rest: rest.to_owned(), whole })
}

/// The part of `path` below `base`.
fn below<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let inside = path.strip_prefix(base.trim_end_matches('/'))?;
    (inside.is_empty() || inside.starts_with('/')).then_some(inside)
}

/// A path without `.` and `..`.
fn plain(path: &str) -> String {
    let mut plain: Vec<&str> = Vec::new();
    let segments: Vec<_> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        let last = at + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    plain.pop();
                }
                if last {
                    plain.push("");
                }
            }
            segment => plain.push(segment),
        }
    }
    format!("/{}", plain.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_upstream_are_mapped_below_the_proxys_path() {
        let (mount, name) = ("/x/mcp/up".to_owned(), "up".to_owned());
        let door = PublicAddress { mount, name, path: String::new(), public: None };
        for (base, asked, address, expected) in [
            ("http://h:1/mcp", "/mcp", "/mcp/", Some("/x/mcp/up/")),
            ("http://h:1/mcp", "/mcp", "/mcp?a=/b#c", Some("/x/mcp/up?a=/b#c")),
            ("http://h:1/mcp", "/mcp", "http://h:1/mcp/x", Some("/x/mcp/up/x")),
            ("http://h:1/mcp", "/mcp", "HTTP://H:1/mcp/x", Some("/x/mcp/up/x")),
            ("http://h:1/mcp", "/mcp", "//h:1/mcp/x", Some("/x/mcp/up/x")),
            ("http://h/mcp", "/mcp", "http://h:80/mcp/", Some("/x/mcp/up/")),
            ("https://h/mcp", "/mcp", "http://h/mcp/", None),
            ("http://h:1/mcp", "/mcp", "mcp/", Some("/x/mcp/up/")),
            ("http://h:1/mcp", "/mcp/a/b", "../c", Some("/x/mcp/up/c")),
            ("http://h:1/mcp", "/mcp/a/b", "./", Some("/x/mcp/up/a/")),
            ("http://h:1/", "/a", "/b", Some("/x/mcp/up/b")),
            ("http://h:1", "/", "/", Some("/x/mcp/up/")),
            ("http://h:1/mcp/", "/mcp/", "/mcp", Some("/x/mcp/up")),
            // Elsewhere on the upstream's host; /settings here is the log's own.
            ("http://h:1/mcp", "/mcp", "/settings", Some("http://h:1/settings")),
            ("http://h:1/mcp", "/mcp", "/mcp/../settings", Some("http://h:1/settings")),
            ("http://h:1/mcp", "/mcp", "/mcpx", Some("http://h:1/mcpx")),
            ("http://h:1/mcp", "/mcp", "http://h:1/login", None),
            // Somewhere else.
            ("http://h:1/mcp", "/mcp", "https://id.example/mcp", None),
            ("http://h:1/mcp", "/mcp", "http://h:2/mcp", None),
            ("http://h:1/mcp", "/mcp", "//evil/mcp", None),
            ("http://h:1/mcp", "/mcp", "mailto:a@b", None),
            ("http://h:1/mcp", "/mcp", "?page=2", None),
            ("http://h:1/mcp", "/mcp", "", None),
        ] {
            let upstream = Upstream::new("up", base).expect("an upstream");
            let target = asked.parse().expect("a path");
            assert_eq!(mapped(address, &door, &upstream, &target).as_deref(), expected, "{base} {asked} {address}");
        }
    }

    #[test]
    fn no_address_tells_the_query_of_the_upstream() {
        let (mount, name) = ("/mcp/up".to_owned(), "up".to_owned());
        let door = PublicAddress { mount, name, path: String::new(), public: None };
        let upstream = Upstream::new("up", "http://h/mcp?key=s3cret").expect("an upstream");
        let target = "/mcp".parse().expect("a path");
        for (address, expected) in [
            ("http://h/mcp/?key=s3cret", Some("/mcp/up/")),
            ("http://h/mcp/?a=1&key=s3cret#c", Some("/mcp/up/?a=1#c")),
            ("?key=s3cret&page=2", Some("?page=2")),
            ("http://h/login?key=s3cret", Some("http://h/login")),
            ("https://h/mcp?key=s3cret", Some("https://h/mcp")),
            ("http://www.h/mcp?a=1&key=s3cret", Some("http://www.h/mcp?a=1")),
            ("/login?next=%2Fmcp%3Fkey%3Ds3cret", None),
            ("/mcp?a=\u{fc}&key=s3cret", None),
            ("https://id.example/authorize", Some("https://id.example/authorize")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_bytes(address.as_bytes()).expect("a value"));
            relocate(&mut headers, &door, &upstream, &target);
            let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            assert_eq!(location, expected, "{address}");
        }
    }

    #[test]
    fn a_challenge_links_to_the_proxys_document() {
        let public = Some("https://gw".to_owned());
        let (mount, name) = ("/audit/mcp/up".to_owned(), "up".to_owned());
        let door = PublicAddress { mount, name, path: "/audit".to_owned(), public };
        for (sent, expected) in [
            (
                r#"Bearer error="invalid_token", resource_metadata="http://h/.well-known/x", scope="a""#,
                r#"Bearer error="invalid_token", resource_metadata="https://gw/.well-known/oauth-protected-resource/audit/mcp/up", scope="a""#,
            ),
            ("Basic realm=\"x\"", "Basic realm=\"x\""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(sent));
            rechallenge(&mut headers, &door);
            assert_eq!(headers[header::WWW_AUTHENTICATE], expected);
        }
    }
}
