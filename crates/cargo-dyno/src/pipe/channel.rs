//! The messages of Node's own channel between a process and its child, with `--ipc`: a line of JSON
//! each, with the names that the Node version of dyno used.
//!
//! Messages of Node itself, and those with other names, are passed over.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// The template of the message that starts a cycle.
pub(super) const START: &str = r#"{{"name":"cycle:start","cycle":{cycle}}"#;
/// The last message, after which the program ends.
pub(super) const DISCONNECT: &[u8] = b"{\"name\":\"process:disconnect\"}\n";
const COMPLETED: &str = "cycle:completed";
const RECORDED: &str = "histogram:recorded";
const NO_TEXT: &str = "the program reported an error";

/// A message from the program.
#[derive(Debug, PartialEq)]
pub(super) enum Message<'a> {
    /// A cycle has ended: the one with this number, else the one that waits the longest.
    Completed { cycle: Option<u64>, error: Option<String> },
    /// A value of a metric.
    Recorded { name: Cow<'a, str>, value: f64 },
    /// Any other message.
    Other,
}

#[derive(Deserialize)]
struct AnyMessage<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(default)]
    cycle: Option<u64>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(borrow, default)]
    json: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Recorded {
    name: String,
    value: f64,
}

/// Reads one message; returns `None` if the line is not JSON.
pub(super) fn read(line: &[u8]) -> Option<Message<'_>> {
    let Ok(message) = serde_json::from_slice::<AnyMessage<'_>>(line) else {
        // A program may send any value; only the form of the line is checked.
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
        return is_json.then_some(Message::Other);
    };
    Some(match message.name.as_deref() {
        Some(COMPLETED) => {
            Message::Completed { cycle: message.cycle, error: message.error.and_then(text_of) }
        }
        Some(RECORDED) => match message.json.map(|json| serde_json::from_str::<Recorded>(&json)) {
            Some(Ok(Recorded { name, value })) => {
                Message::Recorded { name: Cow::Owned(name), value }
            }
            Some(Err(_)) | None => Message::Other,
        },
        Some(_) | None => Message::Other,
    })
}

/// Returns the text of an error: a string, or the `message` of an object; `None` for `null` and `false`.
fn text_of(error: Value) -> Option<String> {
    match error {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) if !text.is_empty() => Some(text),
        value => {
            let message = value.get("message").and_then(Value::as_str);
            Some(message.unwrap_or(NO_TEXT).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn message(line: &str) -> Message<'_> {
        read(line.as_bytes()).expect("JSON")
    }

    #[test]
    fn a_cycle_ends_in_order_or_by_its_number_and_fails_with_an_error() {
        let completed = |cycle, error: Option<&str>| Message::Completed {
            cycle,
            error: error.map(str::to_owned),
        };
        assert_eq!(message(r#"{"name":"cycle:completed"}"#), completed(None, None));
        assert_eq!(message(r#"{"name":"cycle:completed","cycle":12}"#), completed(Some(12), None));
        for (error, text) in [
            (r#""refused""#, Some("refused")),
            (r#"{"message":"refused"}"#, Some("refused")),
            ("{}", Some(NO_TEXT)),
            (r#""""#, Some(NO_TEXT)),
            ("null", None),
        ] {
            let line = format!(r#"{{"name":"cycle:completed","error":{error}}}"#);
            assert_eq!(message(&line), completed(None, text), "{error}");
        }
    }

    #[test]
    fn a_value_of_a_histogram_is_json_inside_of_json() {
        let line =
            r#"{"name":"histogram:recorded","json":"{\"pid\":7,\"name\":\"fib\",\"value\":6}"}"#;
        assert_eq!(message(line), Message::Recorded { name: "fib".into(), value: 6.0 });
        let line = r#"{"name":"histogram:recorded","json":"{}"}"#;
        assert_eq!(message(line), Message::Other);
    }

    #[test]
    fn other_messages_are_passed_over_and_lines_that_are_not_json_are_not() {
        for line in [r#"{"cmd":"NODE_HANDLE"}"#, r#"{"name":"x"}"#, "7", r#"{"name":7}"#] {
            assert_eq!(message(line), Message::Other, "{line}");
        }
        for line in ["", "hello", "{"] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
