//! The removal of secrets, which are neither shown nor stored: passwords in URLs
//! (`redis://user:***@host`), parameters of the task whose names say that they are secret
//! (`token=…`), and the values of such header fields (`Authorization: …`).
//!
//! Passwords come in parameters, on command lines, and in messages of clients that quote the URL
//! which they could not reach. In a text, only the part between a scheme and a host is examined:
//! nobody can recognise other secrets by their form.

use serde_json::{Map, Value};

/// The text in place of a password.
const MASK: &str = "***";
/// The text that follows the scheme of a URL.
const MARK: &str = "://";
/// The text in place of a parameter that is a secret.
const SECRET: &str = "…";
/// The parts of a name that make its value a secret.
const SECRET_PARTS: [&str; 4] = ["password", "passwd", "secret", "token"];
/// A word that makes a name's value a secret, alone or at the end of the name. As a part it would
/// hide `keys=1000` and `keyspace=16`, which a report needs.
const SECRET_WORD: &str = "key";
/// The header fields whose names don't say it: `Authorization`, `Proxy-Authorization`, `Cookie`.
const SECRET_FIELDS: [&str; 2] = ["authorization", "cookie"];
/// The flag of a dashboard, whose value may have a path.
const DASHBOARD_FLAG: &str = "--dashboard";
/// The flags of a task's parameter, which may be followed by its name at once.
const PARAMETER_FLAGS: [&str; 3] = ["--param=", "--param", "-P"];

/// Returns a text without the passwords of its URLs.
pub(crate) fn text(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find(MARK) {
        let (before, after) = rest.split_at(mark + MARK.len());
        redacted.push_str(before);
        // The search goes on behind the password, or behind the mark if the URL has none.
        rest = match password(after) {
            Some((from, to)) => {
                redacted.push_str(&after[..from]);
                redacted.push_str(MASK);
                &after[to..]
            }
            None => after,
        };
    }
    redacted.push_str(rest);
    redacted
}

/// Returns the start and the end of the password in a text that follows a `://`.
///
/// Commas and single quotes may be part of a password, so they do not end the URL; the beginning of
/// another URL does.
fn password(text: &str) -> Option<(usize, usize)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '`' | '<' | '>');
    let url = &text[..text.find(ends).unwrap_or(text.len())];
    // Another URL may follow without a blank: its scheme is not part of this one.
    let url = match url.find(MARK) {
        Some(next) => url[..next].trim_end_matches(in_scheme),
        None => url,
    };
    let authority = &url[..url.find(['/', '?', '#']).unwrap_or(url.len())];
    let colon = authority.find(':')?;
    let at = authority.rfind('@').or_else(|| {
        // The colons of an IPv6 host, which is in brackets, begin no password.
        let is_host = authority.starts_with('[');
        // Punctuation at the end belongs to the sentence or the list around the URL.
        let port = authority[colon + 1..].trim_end_matches(|c: char| c.is_ascii_punctuation());
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
        // A password with an unescaped slash makes the URL invalid, and is a secret all the same.
        // So is a password that is cut off, because messages have a limit: a port is never made of
        // letters.
        (!is_host && !is_port).then(|| url.rfind('@').unwrap_or(authority.len()))
    })?;
    (colon < at).then_some((colon + 1, at))
}

/// Returns `true` if the name of a scheme may hold this character.
fn in_scheme(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

/// Returns the parameters without the secrets among them.
pub(crate) fn map(map: &Map<String, Value>) -> Map<String, Value> {
    let shown = |name: &str, one: &Value| match one {
        Value::Null | Value::Bool(_) => one.clone(),
        _ if is_secret(name) => Value::from(SECRET),
        _ => value(one),
    };
    map.iter().map(|(name, one)| (name.clone(), shown(name, one))).collect()
}

/// Returns `NAME=VALUE` without its value if the name is that of a secret, and any other text
/// without the passwords of its URLs. A flag of parameters may precede the name.
pub(crate) fn word(word: &str) -> String {
    let flag = PARAMETER_FLAGS.into_iter().find(|flag| word.starts_with(flag)).unwrap_or_default();
    match word[flag.len()..].split_once('=') {
        Some((name, value)) if is_secret(name) && !value.is_empty() => {
            format!("{flag}{name}={SECRET}")
        }
        _ => field(word),
    }
}

/// Returns a header field without its value if the name is that of a secret, and any other text
/// without the passwords of its URLs. A flag may precede the name: `-HCookie: a`.
fn field(word: &str) -> String {
    match word.split_once(':') {
        Some((name, value)) if is_secret_field(name) && !value.is_empty() => {
            format!("{name}: {SECRET}")
        }
        _ => text(word),
    }
}

/// Returns `true` if a header field with this name holds a secret.
fn is_secret_field(name: &str) -> bool {
    let is_name = !name.contains(|c: char| c.is_whitespace() || c == '/');
    let lower = name.to_lowercase();
    is_name && (SECRET_FIELDS.iter().any(|field| lower.ends_with(field)) || is_secret(name))
}

/// Returns a command line as reports show and store it: without secrets, and without the path of a
/// dashboard, which lets anyone who knows it look.
pub(crate) fn command(words: &[String]) -> Vec<String> {
    let is_flag = |word: &String| word == DASHBOARD_FLAG;
    let before = std::iter::once(None).chain(words.iter().map(Some));
    let shown = |(one, before): (&String, Option<&String>)| {
        let joined = one.strip_prefix(DASHBOARD_FLAG).and_then(|rest| rest.strip_prefix('='));
        let place = joined.or_else(|| before.is_some_and(is_flag).then_some(one));
        match place.and_then(|place| place.find('/').map(|slash| (place, slash))) {
            Some((place, slash)) if !one.starts_with("--") || joined.is_some() => {
                let kept = &one[..one.len() - place.len() + slash + 1];
                format!("{kept}{SECRET}")
            }
            _ => word(one),
        }
    };
    words.iter().zip(before).map(shown).collect()
}

/// Returns `true` if a parameter with this name holds a secret.
fn is_secret(name: &str) -> bool {
    let lower = name.trim().to_lowercase();
    SECRET_PARTS.iter().any(|part| lower.contains(part)) || lower.ends_with(SECRET_WORD)
}

fn value(one: &Value) -> Value {
    match one {
        Value::String(string) => Value::String(field(string)),
        Value::Array(values) => Value::Array(values.iter().map(value).collect()),
        Value::Object(object) => Value::Object(map(object)),
        Value::Null | Value::Bool(_) | Value::Number(_) => one.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_in_header_fields_go_and_other_fields_stay() {
        for (given, shown) in [
            ("Authorization: Bearer abc", "Authorization: …"),
            ("--header=proxy-authorization:Basic abc", "--header=proxy-authorization: …"),
            ("-HCookie: a=b", "-HCookie: …"),
            ("X-Api-Key: abc", "X-Api-Key: …"),
            ("X-Auth-Token: abc", "X-Auth-Token: …"),
            ("Accept: */*", "Accept: */*"),
            ("Authorization", "Authorization"),
            ("see the cookie: it is there", "see the cookie: it is there"),
            ("http://a:b@c/cookie: d", "http://a:***@c/cookie: d"),
        ] {
            assert_eq!(word(given), shown, "{given}");
            assert_eq!(value(&json!([given])), json!([shown]), "{given}");
        }
    }

    #[test]
    fn the_path_of_a_dashboard_is_neither_shown_nor_stored() {
        let shown = |line: &str| {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            command(&words).join(" ")
        };
        for (line, expected) in [
            ("--dashboard 127.0.0.1:80/hidden -w 2", "--dashboard 127.0.0.1:80/… -w 2"),
            ("--dashboard=/hidden", "--dashboard=/…"),
            ("--dashboard :80", "--dashboard :80"),
            ("--dashboard --out a/b", "--dashboard --out a/b"),
            ("--dashboard-keep 1m -P token=a/b", "--dashboard-keep 1m -P token=…"),
        ] {
            assert_eq!(shown(line), expected);
        }
    }

    #[test]
    fn passwords_go_and_all_else_stays() {
        for (given, shown) in [
            ("redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"),
            ("redis://:secret@host", "redis://:***@host"),
            ("redis://user:p@ss@host", "redis://user:***@host"),
            ("redis://:p/ss@host/0", "redis://:***@host/0"),
            ("can't reach `amqp://a:b@c`: refused", "can't reach `amqp://a:***@c`: refused"),
            ("a://b:c@d e://f:g@h", "a://b:***@d e://f:***@h"),
            ("redis://a:b,c@d", "redis://a:***@d"),
            ("redis://a:b'c@d", "redis://a:***@d"),
            ("a://b:1,c://d:e@f", "a://b:1,c://d:***@f"),
            ("a://b:c@d,e://f:g@h", "a://b:***@d,e://f:***@h"),
            ("a message cut off in a://b:secr", "a message cut off in a://b:***"),
            ("redis://host:6379/0", "redis://host:6379/0"),
            ("(see http://host:80).", "(see http://host:80)."),
            ("redis://user@host", "redis://user@host"),
            ("http://host:80/?mail=a:b@c", "http://host:80/?mail=a:b@c"),
            ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
            ("--rate 50", "--rate 50"),
        ] {
            assert_eq!(text(given), shown);
        }
    }

    #[test]
    fn passwords_are_found_at_any_depth() {
        let given = json!({"n": 1, "urls": ["a://b:c@d", {"e": "f://g:h@i"}]});
        let shown = json!({"n": 1, "urls": ["a://b:***@d", {"e": "f://g:***@i"}]});
        assert_eq!(Value::Object(map(given.as_object().unwrap())), shown);
    }

    #[test]
    fn a_parameter_with_the_name_of_a_secret_has_no_value() {
        let given = json!({
            "password": "a", "api_key": "b", "AccessToken": 7, "key": ["c"], "secrets": {"d": 1},
            "use_token": true, "keys": 1000, "keyspace": "d", "monkeys": "e", "url": "a://b:c@d",
        });
        let shown = json!({
            "password": "…", "api_key": "…", "AccessToken": "…", "key": "…", "secrets": "…",
            "use_token": true, "keys": 1000, "keyspace": "d", "monkeys": "e", "url": "a://b:***@d",
        });
        assert_eq!(Value::Object(map(given.as_object().unwrap())), shown);
        for (given, shown) in [
            ("-Ptoken=a=b", "-Ptoken=…"),
            ("--param=password=a", "--param=password=…"),
            ("apiKey=a", "apiKey=…"),
            ("n=1", "n=1"),
            ("-P", "-P"),
            ("url=a://b:c@d?token=e", "url=a://b:***@d?token=e"),
        ] {
            assert_eq!(word(given), shown);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_text_without_a_url_is_unchanged(given in ".{0,80}", url in "[:/@a-c ]{0,40}") {
            let _redacted = (text(&url), word(&given), word(&url));
            if !given.contains(MARK) {
                prop_assert_eq!(text(&given), given);
            }
        }
    }
}
