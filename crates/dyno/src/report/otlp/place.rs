//! The place that `--otlp` sends to, and the variables of OpenTelemetry that concern it: its URL,
//! the header fields of its requests, the attributes of the program, the temporality. Pure.
//!
//! Header fields hold secrets: no error shows one.

use std::fmt;

/// The port of a collector that speaks OTLP over HTTP.
const PORT: u16 = 4_318;
/// The path of metrics, which follows a URL that has no path.
const METRICS_PATH: &str = "/v1/metrics";
/// The place if nothing names one.
const DEFAULT: &str = "http://localhost:4318";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const METRICS_HEADERS: &str = "OTEL_EXPORTER_OTLP_METRICS_HEADERS";
const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE: &str = "OTEL_SERVICE_NAME";
/// The attribute with the name of the program.
const SERVICE_NAME: &str = "service.name";
const SERVICE_NAME_DEFAULT: &str = "dyno";

/// The place of a collector, and the content of all requests to it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OtlpPlace {
    /// The host, without the brackets of an address of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    /// The attributes of the program.
    pub(super) attributes: Vec<(String, String)>,
    pub(super) temporality: Temporality,
}

/// The begin of the time that sums and histograms count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Temporality {
    /// The begin of the run.
    Cumulative,
    /// The points before.
    Delta,
}

/// A place that can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OtlpPlaceError {
    #[error(
        "invalid URL `{url}`{from}: expected http://HOST, with a port and a path if there are any, \
         such as `{DEFAULT}`; for https, let a collector on this machine pass the figures on"
    )]
    Url { url: String, from: &'static str },
    /// Its text may be a secret.
    #[error("invalid {name}: expected NAME=VALUE, separated by commas")]
    Pairs { name: &'static str },
    #[error("invalid {TEMPORALITY} `{value}`: expected cumulative or delta")]
    Temporality { value: String },
}

impl fmt::Debug for OtlpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpPlace").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl OtlpPlace {
    /// Reads the URL of the flag, or that of a variable if it is empty, and the other variables.
    ///
    /// # Errors
    /// If one of them is not valid.
    pub(crate) fn read(
        url: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, OtlpPlaceError> {
        let variable = |name: &str| {
            let value = variable(name).map(|value| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        let (host, port, path) =
            if url.is_empty() { endpoint(&variable)? } else { parts(url, "")? };
        let mut headers = pairs(HEADERS, &variable)?;
        for (name, value) in pairs(METRICS_HEADERS, &variable)? {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            headers.push((name, value));
        }
        if !headers.iter().all(|(name, value)| is_field(name, value)) {
            return Err(OtlpPlaceError::Pairs { name: HEADERS });
        }
        let mut attributes = pairs(ATTRIBUTES, &variable)?;
        if let Some(service) = variable(SERVICE) {
            attributes.retain(|(name, _)| name != SERVICE_NAME);
            attributes.push((SERVICE_NAME.to_owned(), service));
        }
        if !attributes.iter().any(|(name, _)| name == SERVICE_NAME) {
            attributes.push((SERVICE_NAME.to_owned(), SERVICE_NAME_DEFAULT.to_owned()));
        }
        let temporality = match variable(TEMPORALITY) {
            None => Temporality::Cumulative,
            Some(value) => match &*value.to_ascii_lowercase() {
                "cumulative" => Temporality::Cumulative,
                // Low memory is that of programs that count by themselves: their sums are deltas.
                "delta" | "lowmemory" => Temporality::Delta,
                _ => return Err(OtlpPlaceError::Temporality { value }),
            },
        };
        Ok(Self { host, port, path, headers, attributes, temporality })
    }

    /// Returns the whole URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}{}", self.authority(), self.path)
    }

    /// Returns the host with its port, as a request names it.
    pub(super) fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// Returns the parts of the URL that the variables name.
fn endpoint(
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<(String, u16, String), OtlpPlaceError> {
    if let Some(url) = variable(METRICS_ENDPOINT) {
        return parts(&url, " of OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
    }
    let Some(url) = variable(ENDPOINT) else { return parts(DEFAULT, "") };
    // This one is the root of all signals: the path of metrics always follows it.
    let url = format!("{}{METRICS_PATH}", url.trim_end_matches('/'));
    parts(&url, " of OTEL_EXPORTER_OTLP_ENDPOINT")
}

/// Returns the host, the port and the path of a URL.
fn parts(url: &str, from: &'static str) -> Result<(String, u16, String), OtlpPlaceError> {
    let refused = || OtlpPlaceError::Url { url: url.to_owned(), from };
    let is_graphic = url.bytes().all(|byte| byte.is_ascii_graphic());
    let rest = url.strip_prefix("http://").filter(|_| is_graphic).ok_or_else(refused)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(refused)?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| refused())?,
        None if port.is_empty() => PORT,
        None => return Err(refused()),
    };
    // A name and a password belong in the header fields; a query or a fragment has no meaning.
    if host.is_empty() || rest.contains(['@', '?', '#']) {
        return Err(refused());
    }
    let path = if matches!(path, "" | "/") { METRICS_PATH } else { path };
    Ok((host.to_owned(), port, path.to_owned()))
}

/// Returns the pairs of a variable: `NAME=VALUE`, separated by commas, with `%2C` for a comma.
fn pairs(
    name: &'static str,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, OtlpPlaceError> {
    let text = variable(name).unwrap_or_default();
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let (key, value) = (decoded(key.trim())?, decoded(value.trim())?);
        (!key.is_empty()).then_some((key, value))
    };
    parts.map(|part| pair(part).ok_or(OtlpPlaceError::Pairs { name })).collect()
}

/// Returns a text with the bytes for which it has `%` and two digits.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let (byte, after) = match (first, others) {
            (b'%', [high, low, after @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                (u8::from_str_radix(digits, 16).ok()?, after)
            }
            (b'%', _) => return None,
            (byte, after) => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// Returns `true` if these are the name and the value of one header field, and nothing more.
fn is_field(name: &str, value: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(in_name) && !value.bytes().any(|byte| byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, variables: &[(&str, &str)]) -> Result<OtlpPlace, String> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        OtlpPlace::read(url, value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_without_a_path_gets_that_of_metrics() {
        for (url, whole) in [
            ("", "http://localhost:4318/v1/metrics"),
            ("http://shop", "http://shop:4318/v1/metrics"),
            ("http://shop:80/", "http://shop:80/v1/metrics"),
            ("http://[::1]:80/otlp", "http://[::1]:80/otlp"),
            ("http://[::1]", "http://[::1]:4318/v1/metrics"),
        ] {
            assert_eq!(read(url, &[]).unwrap().url(), whole, "{url}");
        }
    }

    #[test]
    fn the_variables_name_the_place_if_the_flag_does_not() {
        let of_all = (ENDPOINT, "http://a:1/root/");
        let of_metrics = (METRICS_ENDPOINT, "http://b:2/own");
        let url = |flag: &str, variables: &[_]| read(flag, variables).unwrap().url();
        assert_eq!(url("", &[of_all]), "http://a:1/root/v1/metrics");
        assert_eq!(url("", &[of_all, of_metrics]), "http://b:2/own");
        assert_eq!(url("http://c", &[of_all, of_metrics]), "http://c:4318/v1/metrics");
    }

    #[test]
    fn a_url_that_is_not_one_is_refused_in_one_line() {
        for url in [
            "shop",
            "https://shop",
            "http://",
            "http://:80",
            "http://a:b@c",
            "http://a:x",
            "http://a:99999",
            "http://[::1",
            "http://a/b?c",
            "http://a b",
            "http://a\r\nX: y",
        ] {
            let error = read(url, &[]).unwrap_err();
            assert!(error.starts_with(&format!("invalid URL `{url}`: expected http://")), "{url}");
        }
        let error = read("", &[(ENDPOINT, "ftp://a")]).unwrap_err();
        assert!(error.contains("of OTEL_EXPORTER_OTLP_ENDPOINT: expected"), "{error}");
    }

    #[test]
    fn header_fields_are_never_shown() {
        let set = [(HEADERS, "api-key=hidden%2Cword, x = 1"), (METRICS_HEADERS, "X=2")];
        let place = read("", &set).unwrap();
        let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(place.headers, [owned("api-key", "hidden,word"), owned("X", "2")]);
        assert!(!format!("{place:?}").contains("hidden"), "{place:?}");
        for text in ["hidden", "=hidden", "a=hidden%2", "a=%0d%0ahidden", "a b=hidden"] {
            let error = read("", &[(HEADERS, text)]).unwrap_err();
            let expected = "invalid OTEL_EXPORTER_OTLP_HEADERS: expected NAME=VALUE";
            assert!(error.starts_with(expected) && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn the_program_is_dyno_unless_a_variable_names_it() {
        let of = |variables: &[_]| read("", variables).unwrap().attributes;
        let named = |value: &str| ("service.name".to_owned(), value.to_owned());
        assert_eq!(of(&[]), [named("dyno")]);
        let team = ("team".to_owned(), "a b".to_owned());
        let set = (ATTRIBUTES, "team=a%20b,service.name=shop");
        assert_eq!(of(&[set]), [team.clone(), named("shop")]);
        assert_eq!(of(&[set, (SERVICE, "cart")]), [team, named("cart")]);
    }

    #[test]
    fn a_temporality_that_is_unknown_is_refused() {
        let of = |value| read("", &[(TEMPORALITY, value)]).map(|place| place.temporality);
        assert_eq!(of("Delta"), Ok(Temporality::Delta));
        assert_eq!(of("cumulative"), Ok(Temporality::Cumulative));
        assert!(of("sums").unwrap_err().ends_with("`sums`: expected cumulative or delta"));
    }
}
