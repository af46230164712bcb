//! The target for `cargo dyno show`: a run's file from another version, or one that a disk has
//! damaged, is refused in one line or shown in every format.

#![no_main]

use arbitrary::Arbitrary;
use dyno::internal::Format;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// A valid file of a run; most inputs differ from it in a few places only.
const WHOLE: &str = include_str!("../../../crates/cargo-dyno/tests/it/run.json");

#[derive(Debug, Arbitrary)]
enum Input {
    Text(String),
    /// Other bytes at some places of a whole file.
    Damaged(Vec<(u16, u8)>),
    /// Other values at some places of a whole file.
    Changed(Vec<(u16, Change)>),
}

#[derive(Debug, Arbitrary)]
enum Change {
    Gone,
    Null,
    Bool(bool),
    Whole(i64),
    Float(f64),
    Text(String),
    Twice,
    Empty,
}

fuzz_target!(|input: Input| {
    let text = match input {
        Input::Text(text) => text,
        Input::Damaged(places) => {
            let mut bytes = WHOLE.as_bytes().to_vec();
            for (at, byte) in places {
                let length = bytes.len();
                bytes[usize::from(at) % length] = byte;
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
        Input::Changed(changes) => {
            let mut value: Value = serde_json::from_str(WHOLE).expect("JSON");
            for (at, change) in &changes {
                apply(&mut value, &mut usize::from(*at), change);
            }
            value.to_string()
        }
    };
    let Ok(summary) = cargo_dyno::fuzzing::summary(&text) else { return };
    for format in [Format::Human, Format::Json, Format::Csv, Format::Markdown] {
        let shown = dyno::internal::render(&summary, format);
        assert!(!shown.is_empty());
    }
    let json = dyno::internal::render(&summary, Format::Json);
    let again = cargo_dyno::fuzzing::summary(&json).expect("what is written is read");
    assert_eq!(dyno::internal::render(&again, Format::Json), json);
});

/// Changes the value that is `steps` further on in the order of the file; returns `true` once it is
/// changed.
fn apply(value: &mut Value, steps: &mut usize, change: &Change) -> bool {
    if *steps == 0 {
        changed(value, change);
        return true;
    }
    *steps -= 1;
    match value {
        Value::Array(values) => values.iter_mut().any(|one| apply(one, steps, change)),
        Value::Object(fields) => {
            if let (Change::Gone, true) = (change, *steps < fields.len()) {
                let name = fields.keys().nth(*steps).cloned().expect("there are more");
                fields.remove(&name);
                return true;
            }
            fields.values_mut().any(|one| apply(one, steps, change))
        }
        _ => false,
    }
}

fn changed(value: &mut Value, change: &Change) {
    *value = match change {
        Change::Gone | Change::Null => Value::Null,
        Change::Bool(bool) => Value::Bool(*bool),
        Change::Whole(number) => Value::from(*number),
        Change::Float(number) => Value::from(*number),
        Change::Text(text) => Value::from(text.clone()),
        Change::Twice => Value::Array(vec![value.clone(), value.clone()]),
        Change::Empty => match value {
            Value::Array(_) => Value::Array(Vec::new()),
            Value::Object(_) => Value::Object(serde_json::Map::new()),
            _ => Value::from(""),
        },
    };
}
