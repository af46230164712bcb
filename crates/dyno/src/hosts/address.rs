//! Addresses that only one host reaches: those of the loopback interface, and Unix sockets.

use serde_json::Value;

/// Returns `true` if a parameter holds an address of this host alone.
pub(crate) fn is_local(value: &Value) -> bool {
    match value {
        Value::String(text) => is_local_text(text),
        Value::Array(values) => values.iter().any(is_local),
        Value::Object(values) => values.values().any(is_local),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_local_text(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let is_path = text.starts_with("unix:") || text.contains("+unix:") || is_socket(&text);
    // The host of a URL or of an address; a name and a password may be before it.
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_loopback = |host: &str| {
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        name == "localhost"
            || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || host.starts_with("[::1]")
            || host == "::1"
    };
    // A list of addresses has commas between, and settings of a database are `host=…`.
    let named = text.split([' ', '&', '?']).filter_map(|word| word.strip_prefix("host="));
    is_path
        || host.split(',').any(is_loopback)
        || named.clone().any(is_loopback)
        || named.clone().any(|host| host.starts_with('/') || host.starts_with("%2f"))
}

/// Returns `true` if a text is the path of a Unix socket that exists.
fn is_socket(text: &str) -> bool {
    use std::os::unix::fs::FileTypeExt;

    text.starts_with('/') && std::fs::metadata(text).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_host_differ_from_those_of_the_network() {
        for local in [
            "localhost",
            "127.0.0.1:6379",
            "redis://localhost",
            "redis://user:p@127.0.3.1:6379/0",
            "http://[::1]:80/x",
            "redis+unix:///tmp/x.sock",
            "unix:/run/x",
            "host=/run/postgresql dbname=x",
            "host=localhost user=x",
            "postgresql:///x?host=/run/postgresql",
            "a:1,localhost:2",
        ] {
            assert!(is_local(&Value::from(local)), "{local}");
        }
        for far in [
            "",
            "x",
            "10.0.0.1:6379",
            "redis://db.example/localhost",
            "http://localhost.example/",
            "/etc/hosts",
            "host=db user=localhost",
        ] {
            assert!(!is_local(&Value::from(far)), "{far}");
        }
        assert!(is_local(&serde_json::json!({ "servers": ["10.0.0.1", "127.0.0.1"] })));
        assert!(!is_local(&serde_json::json!([1, null, true])));
    }
}
