//! A request for the page, read from its bytes. Pure.
//!
//! It accepts the little of HTTP/1.1 that browsers and scrapers send, and refuses all else: a server
//! that guesses at the meaning of a request can be made to guess wrong.

/// The most bytes of a request up to its empty line: several times what a browser sends.
pub(super) const HEAD_MAX: usize = 8 << 10;
/// The end of a request's head.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// The method, such as `GET`.
    pub(super) method: String,
    /// The path, without the query.
    pub(super) path: String,
    /// The header `Host`, without its port.
    pub(super) host: String,
}

/// The state of the bytes that have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestHead {
    /// The head is not complete, and may become one.
    Open,
    /// The whole head.
    Whole(PageRequest),
    /// The head is longer than [`HEAD_MAX`].
    TooLong,
    /// These bytes are not a valid request.
    Invalid,
}

impl RequestHead {
    /// Reads the bytes that have come so far.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(HEAD_END.len()).position(|window| window == HEAD_END);
        match end {
            Some(end) if end + HEAD_END.len() <= HEAD_MAX => {
                PageRequest::of(&bytes[..end]).map_or(Self::Invalid, Self::Whole)
            }
            None if bytes.len() < HEAD_MAX => Self::Open,
            _ => Self::TooLong,
        }
    }
}

impl PageRequest {
    /// Reads a head without its empty line.
    fn of(head: &[u8]) -> Option<Self> {
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_path = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
        let is_version = matches!(version, "HTTP/1.1" | "HTTP/1.0");
        if !is_method || !is_path || !is_version || words.next().is_some() {
            return None;
        }
        let mut hosts = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            // A name that begins with a blank would continue the line before.
            if name.is_empty() || !name.bytes().all(is_name) || value.contains(['\r', '\n', '\0']) {
                return None;
            }
            if name.eq_ignore_ascii_case("host") {
                hosts.push(without_port(value.trim())?);
            }
        }
        let [host] = <[String; 1]>::try_from(hosts).ok()?;
        let path = target.split('?').next().unwrap_or_default().to_owned();
        Some(Self { method: method.to_owned(), path, host })
    }
}

/// Returns the name of a host in small letters, without its port. An IPv6 address loses its
/// brackets.
fn without_port(host: &str) -> Option<String> {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
        }
        None => host.split_once(':').unwrap_or((host, "")),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    (!name.is_empty() && is_port(port)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> RequestHead {
        RequestHead::of(text.as_bytes())
    }

    #[test]
    fn a_request_of_a_browser_is_read() {
        let request = "GET /a/b?x=1 HTTP/1.1\r\nHost: LocalHost:8080\r\nAccept: */*\r\n\r\n";
        let (method, path, host) = ("GET".into(), "/a/b".into(), "localhost".into());
        assert_eq!(read(request), RequestHead::Whole(PageRequest { method, path, host }));
        for end in 0..request.len() {
            assert_eq!(read(&request[..end]), RequestHead::Open, "{end}");
        }
    }

    #[test]
    fn a_host_is_read_without_its_port() {
        for (value, host) in [
            ("localhost", "localhost"),
            ("localhost.:1", "localhost"),
            ("127.0.0.1:65535", "127.0.0.1"),
            ("[::1]:80", "::1"),
            ("[::1]", "::1"),
        ] {
            assert_eq!(without_port(value).as_deref(), Some(host), "{value}");
        }
        for value in ["", ":80", "[::1", "[::1]x", "a:b", "::1", "a:1:2"] {
            assert_eq!(without_port(value), None, "{value}");
        }
    }

    #[test]
    fn anything_that_is_not_exactly_a_request_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n continued: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2\r\nHost: a\r\n\r\n",
            "get / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(read(head), RequestHead::Invalid, "{head:?}");
        }
        assert_eq!(RequestHead::of(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"), RequestHead::Invalid);
    }

    #[test]
    fn a_head_that_is_too_long_is_refused_whether_it_ends_or_not() {
        let padding = "x".repeat(HEAD_MAX);
        assert_eq!(read(&padding), RequestHead::TooLong);
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nPadding: {padding}\r\n\r\n");
        assert_eq!(read(&head), RequestHead::TooLong);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _head = RequestHead::of(&bytes);
            let _head = RequestHead::of(&[&bytes, HEAD_END].concat());
        }
    }
}
