//! The place of the live page: an address, a port, a path, and the hosts that requests may name.
//! Pure, but for the path that is drawn at random.
//!
//! The path is the only secret: anyone who knows it can look. A page of another site can't read this
//! one, since its requests name that site's host or come from another origin; so a request must
//! name a host that no other site can have.

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The number of random bytes in a path: 128 bits, which nobody can guess.
const RANDOM_BYTES: usize = 16;
/// An address that the error shows.
const EXAMPLE: &str = "127.0.0.1:9090/shop";

/// The place of a live page, as the user gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DashboardPlace {
    pub(super) address: SocketAddr,
    /// Without a slash at the end; `None` for one that is drawn at random.
    pub(super) path: Option<String>,
    /// The names of hosts that requests may have, besides those of this machine itself.
    pub(super) hosts: Vec<String>,
}

/// A place that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid address `{text}`: expected ADDR[:PORT][/PATH] with an IP address of this machine and a \
     path of letters, digits, `-`, `_`, `.` and `/`, such as `{EXAMPLE}` or `:9090`"
)]
pub(crate) struct PlaceFormError {
    text: String,
}

impl DashboardPlace {
    /// Reads `[ADDR][:PORT][/PATH]`. Without an address it is that of this machine alone, without
    /// a port the system chooses one, and without a path one is drawn at random.
    ///
    /// # Errors
    /// If the text has another form.
    pub(crate) fn read(text: &str, hosts: &[String]) -> Result<Self, PlaceFormError> {
        let refused = || PlaceFormError { text: text.to_owned() };
        let (address, path) = match text.find('/') {
            Some(slash) => (&text[..slash], Some(&text[slash..])),
            None => (text, None),
        };
        let address = address_of(address).ok_or_else(refused)?;
        let path = path.map(|path| path.trim_end_matches('/'));
        let in_path =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
        if path.is_some_and(|path| path.contains("//") || !path.bytes().all(in_path)) {
            return Err(refused());
        }
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Self { address, path: path.map(str::to_owned), hosts })
    }

    /// Returns the path, drawn at random if none was given.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(super) fn path(&self) -> io::Result<String> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => random_path(),
        }
    }

    /// Returns `true` if a request may name this host, on a connection to `local`. The port counts
    /// nothing, because tunnels change it.
    pub(super) fn accepts(&self, host: &str, local: IpAddr) -> bool {
        let is_own = match host.parse::<IpAddr>() {
            // A literal address can't be made to lead elsewhere, as a name can.
            Ok(ip) => ip.is_loopback() || ip == local || ip == self.address.ip(),
            Err(_) => host == "localhost",
        };
        is_own || self.hosts.iter().any(|own| own == host)
    }
}

/// Reads `ADDR`, `ADDR:PORT`, `:PORT` or nothing.
fn address_of(text: &str) -> Option<SocketAddr> {
    let this_machine = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let text = match text.strip_prefix("localhost") {
        Some(rest) => format!("{this_machine}{rest}"),
        None => text.to_owned(),
    };
    if text.is_empty() {
        return Some(SocketAddr::new(this_machine, 0));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text);
    if let Ok(ip) = bare.parse() {
        return Some(SocketAddr::new(ip, 0));
    }
    match text.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().ok().map(|port| SocketAddr::new(this_machine, port))
        }
        _ => text.parse().ok(),
    }
}

fn random_path() -> io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Ok(std::iter::once("/".to_owned()).chain(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, Option<String>)> {
        let place = DashboardPlace::read(text, &[]).ok()?;
        Some((place.address.to_string(), place.path))
    }

    #[test]
    fn a_part_that_is_left_out_has_a_default() {
        for (text, address, path) in [
            ("", "127.0.0.1:0", None),
            (":9090", "127.0.0.1:9090", None),
            ("localhost:9090", "127.0.0.1:9090", None),
            ("0.0.0.0", "0.0.0.0:0", None),
            ("[::1]:9090/a/b/", "[::1]:9090", Some("/a/b")),
            ("::1", "[::1]:0", None),
            ("127.0.0.1:9090/", "127.0.0.1:9090", Some("")),
            ("/shop", "127.0.0.1:0", Some("/shop")),
        ] {
            let expected = (address.to_owned(), path.map(str::to_owned));
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn an_address_of_another_form_is_refused_with_an_example() {
        for text in ["shop", "9090x", "example.org:80", "127.0.0.1:x", ":+1", "/a b", "/a//b", "/é"]
        {
            let error = DashboardPlace::read(text, &[]).unwrap_err().to_string();
            let begin = format!("invalid address `{text}`: expected ADDR[:PORT][/PATH]");
            assert!(error.starts_with(&begin), "{error}");
            assert!(read(EXAMPLE).is_some() && error.contains(EXAMPLE), "{error}");
        }
    }

    #[test]
    fn two_paths_that_are_drawn_at_random_differ() {
        let place = DashboardPlace::read("", &[]).unwrap();
        let [one, other] = [place.path().unwrap(), place.path().unwrap()];
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[..1]), (1 + 2 * RANDOM_BYTES, "/"));
    }

    #[test]
    fn only_a_host_that_no_other_site_can_have_is_accepted() {
        let place = DashboardPlace::read("0.0.0.0:80", &["Box.lan".to_owned()]).unwrap();
        let local = "192.168.1.5".parse().unwrap();
        for host in ["localhost", "127.0.0.1", "127.0.0.9", "::1", "192.168.1.5", "box.lan"] {
            assert!(place.accepts(host, local), "{host}");
        }
        for host in ["example.org", "192.168.1.6", "localhost.example.org", "2130706433", ""] {
            assert!(!place.accepts(host, local), "{host}");
        }
    }
}
