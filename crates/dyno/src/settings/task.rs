//! The parameters of the task: the user's struct, as a JSON object whose values are the defaults.
//!
//! `-P n=35` sets one. The text is parsed as the type of the default, so that the code decides
//! which values a shell may set. Names that the struct lacks are refused.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::plan::thousands;

/// The largest difference, in letters, between the typed name and one that is suggested.
const NEAREST_DISTANCE_MAX: usize = 3;

/// The parameters of a task, with the values that they have so far.
#[derive(Debug, Clone)]
pub struct TaskParameters {
    values: Map<String, Value>,
    /// The values in the code. They decide the types, even after a value has been set.
    defaults: Map<String, Value>,
    /// Decodes values as the user's type; the error is the type's message.
    decode: fn(&Map<String, Value>) -> Result<(), String>,
}

/// The parameters of a task that has none.
impl Default for TaskParameters {
    fn default() -> Self {
        Self { values: Map::new(), defaults: Map::new(), decode: |_| Ok(()) }
    }
}

impl TaskParameters {
    /// Creates parameters from the fields of `defaults`.
    ///
    /// # Errors
    /// If `P` is not a struct with named fields, or does not decode from its own encoding.
    pub fn of<P: Serialize + DeserializeOwned>(defaults: &P) -> Result<Self, ParameterError> {
        let values = match serde_json::to_value(defaults) {
            Ok(Value::Object(values)) => values,
            Ok(Value::Null) => return Ok(Self::default()),
            Ok(_) => return Err(ParameterError::NoStruct { name: std::any::type_name::<P>() }),
            Err(error) => return Err(ParameterError::Decode { reason: error.to_string() }),
        };
        let decode = |values: &Map<String, Value>| {
            let decoded = serde_json::from_value::<P>(Value::Object(values.clone()));
            decoded.map(drop).map_err(|error| error.to_string())
        };
        let parameters = Self { defaults: values.clone(), values, decode };
        parameters.check()?;
        Ok(parameters)
    }

    /// Returns the names and their current values, in the order of the names.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Returns the names and their current values, for a plan.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.values
    }

    /// Returns the values as the user's type.
    ///
    /// # Errors
    /// If they do not decode as `P`, with the type's own message.
    pub(crate) fn decoded<P: DeserializeOwned>(&self) -> Result<P, ParameterError> {
        let decoded = serde_json::from_value(Value::Object(self.values.clone()));
        decoded.map_err(|error| ParameterError::Decode { reason: error.to_string() })
    }

    /// Returns the same parameters with other values.
    #[must_use]
    pub(crate) fn with_values(&self, values: Map<String, Value>) -> Self {
        Self { values, ..self.clone() }
    }

    /// Sets a parameter from text, which is parsed as the type of its default.
    ///
    /// # Errors
    /// If the task has no parameter of this name, or the text is not a value of its type.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ParameterError> {
        let Some(default) = self.defaults.get(name) else {
            let near = nearest(name, self.defaults.keys().map(String::as_str));
            return Err(ParameterError::Unknown {
                name: name.to_owned(),
                known: self.defaults.keys().cloned().collect(),
                nearest: near.map(str::to_owned),
            });
        };
        let wrong = |wanted| ParameterError::Type { name: name.to_owned(), wanted };
        let value = match default {
            Value::Number(number) if number.is_f64() => {
                // The default is a float, so the new value must be a float too.
                let float = text.parse().ok().and_then(serde_json::Number::from_f64);
                Value::Number(float.ok_or(wrong("a number"))?)
            }
            Value::Number(_) => {
                let whole = text.parse::<i64>().map(Value::from);
                whole
                    .or_else(|_| text.parse::<u64>().map(Value::from))
                    .map_err(|_| wrong("a whole number"))?
            }
            Value::Bool(_) => text.parse().map(Value::Bool).map_err(|_| wrong("true or false"))?,
            Value::String(_) => Value::String(text.to_owned()),
            Value::Null => self.of_option(name, text),
            Value::Array(_) => json(text).filter(Value::is_array).ok_or(wrong("a JSON array"))?,
            Value::Object(_) => {
                json(text).filter(Value::is_object).ok_or(wrong("a JSON object"))?
            }
        };
        self.values.insert(name.to_owned(), value);
        Ok(())
    }

    /// Returns the value for an `Option` whose default is `None`. Its type can be found only by
    /// decoding the whole struct: the text is JSON if the struct accepts that, or else a string.
    fn of_option(&self, name: &str, text: &str) -> Value {
        let taken = |value: &Value| {
            let mut values = self.defaults.clone();
            values.insert(name.to_owned(), value.clone());
            (self.decode)(&values).is_ok()
        };
        json(text).filter(taken).unwrap_or_else(|| Value::String(text.to_owned()))
    }

    /// Sets a parameter from `name=value`.
    ///
    /// # Errors
    /// Those of [`set`](Self::set), or if the text lacks a `=` or a name before it.
    pub fn set_pair(&mut self, pair: &str) -> Result<(), ParameterError> {
        let (name, text) = pair.split_once('=').ok_or(ParameterError::NoPair)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(ParameterError::NoPair);
        }
        self.set(name, text)
    }

    /// Checks that the values decode as the user's type.
    ///
    /// # Errors
    /// If they don't, with the type's own message.
    pub fn check(&self) -> Result<(), ParameterError> {
        (self.decode)(&self.values).map_err(|reason| ParameterError::Decode { reason })
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// An invalid task parameter.
///
/// ```
/// # let error = dyno::ParameterError::Unknown { name: "m".into(), known: vec!["n".into()], nearest: None };
/// if let dyno::ParameterError::Unknown { name, known, .. } = &error {
///     eprintln!("{name} is not one of {known:?}");
/// }
/// # assert_eq!(error.to_string(), "the task has no parameter \"m\" (it has n)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The task's type has no such field.
    #[error("{}", unknown(name, nearest.as_deref(), known))]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names of all parameters of the task.
        known: Vec<String>,
        /// The name that may have been meant, if one is similar.
        nearest: Option<String>,
    },
    /// The text is not a value of the default's type.
    #[error("{name} is {wanted}")]
    Type {
        /// The parameter's name.
        name: String,
        /// The type of its default, such as `a whole number`.
        wanted: &'static str,
    },
    /// The text is not a name and a value with a `=` between them.
    #[error("a parameter is given as name=value")]
    NoPair,
    /// The values don't decode as the task's type.
    #[error("{reason}")]
    Decode {
        /// The message of the type's decoder.
        reason: String,
    },
    /// The parameters' type is not a struct, so that its values have no names.
    #[error("the parameters {name} are not a struct: only named fields can be set")]
    NoStruct {
        /// The name of the type, with its path.
        name: &'static str,
    },
    /// The parameters do not fit the one message that brings them to a worker.
    #[error(
        "they are {} bytes of JSON, and a worker takes {} bytes at most; put long data into a \
         file, and let a parameter name it",
        thousands(*length as u64),
        thousands(*length_max as u64)
    )]
    TooLong {
        /// The length of all parameters as JSON, in bytes.
        length: usize,
        /// The most bytes that a worker accepts.
        length_max: usize,
    },
}

/// Returns the message for an unknown name, with the names of all parameters.
fn unknown(name: &str, nearest: Option<&str>, known: &[String]) -> String {
    let nearest = nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest:?}?"));
    match known {
        [] => format!("the task has no parameter {name:?}, nor any other"),
        known => {
            format!("the task has no parameter {name:?}{nearest} (it has {})", known.join(", "))
        }
    }
}

/// Returns the name that is most similar to the typed one; `None` if no name is similar.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = names.into_iter().map(|name| (distance(typed, name), name));
    // A name that differs in more than half of the typed letters is another word.
    let near = near.filter(|(distance, _)| {
        *distance <= NEAREST_DISTANCE_MAX && *distance * 2 <= typed.chars().count().max(2)
    });
    near.min().map(|(_, name)| name)
}

/// Returns the number of letters to add, remove or replace (Levenshtein, 1965). It keeps one row of
/// the table at a time.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = removed + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests;
