//! The task's own parameters: the user's struct, as a JSON object whose values are the defaults.
//!
//! `-P n=35` sets one. A value is read as the type that the default has, so that what the code
//! says is what a shell may say; names that the struct lacks are refused.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The furthest that a name may be from what was typed to be offered instead.
const NEAREST_DISTANCE_MAX: usize = 3;

/// The parameters of a task, with the values that they have so far.
#[derive(Debug, Clone)]
pub struct TaskParameters {
    values: Map<String, Value>,
    /// What they were in the code: whatever has been set since, these say the types.
    defaults: Map<String, Value>,
    /// Whether values make the user's type.
    decode: fn(&Map<String, Value>) -> Result<(), String>,
}

/// A task without parameters.
impl Default for TaskParameters {
    fn default() -> Self {
        Self { values: Map::new(), defaults: Map::new(), decode: |_| Ok(()) }
    }
}

impl TaskParameters {
    /// The fields of `defaults`.
    ///
    /// ```
    /// # use dyno::parameters::TaskParameters;
    /// #[derive(serde::Serialize, serde::Deserialize)]
    /// struct Parameters {
    ///     n: u32,
    /// }
    ///
    /// let mut parameters = TaskParameters::of(&Parameters { n: 30 })?;
    /// parameters.set("n", "35")?;
    /// assert_eq!(parameters.values()["n"], 35);
    /// assert!(parameters.set("m", "1").is_err());
    /// # Ok::<(), dyno::parameters::ParameterError>(())
    /// ```
    ///
    /// # Errors
    /// If `P` is no struct, or does not decode from what it encodes to.
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

    /// The names and their values so far, in the order of their names.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// The same, for a [`Plan`](crate::primary::plan::Plan).
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.values
    }

    /// The same parameters with these values.
    #[must_use]
    pub(crate) fn with_values(&self, values: Map<String, Value>) -> Self {
        Self { values, ..self.clone() }
    }

    /// Sets a parameter from text, which is read as its default's type.
    ///
    /// # Errors
    /// If there is no such parameter, or the text is not of its type.
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
                // A float's default is one, so that what replaces it must be too.
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

    /// The value of an option that is none by default: nothing is known of its type but what the
    /// whole struct makes of it. It is JSON where the struct takes that, else a string.
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
    /// As [`set`](Self::set), or if there is no `=`.
    pub fn set_pair(&mut self, pair: &str) -> Result<(), ParameterError> {
        let (name, text) = pair.split_once('=').ok_or(ParameterError::NoPair)?;
        self.set(name.trim(), text)
    }

    /// Whether the values make the user's type.
    ///
    /// # Errors
    /// If they don't, as the type itself says.
    pub fn check(&self) -> Result<(), ParameterError> {
        (self.decode)(&self.values).map_err(|reason| ParameterError::Decode { reason })
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A task parameter that can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The task's type has no such field.
    #[error("{}", unknown(name, nearest.as_deref(), known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// The text is not of the default's type.
    #[error("{name} is {wanted}")]
    Type {
        /// The parameter.
        name: String,
        /// What it is.
        wanted: &'static str,
    },
    /// No name and value.
    #[error("a parameter is given as name=value")]
    NoPair,
    /// The values don't make the task's type.
    #[error("{reason}")]
    Decode {
        /// What the type says.
        reason: String,
    },
    /// A task's parameters are named.
    #[error("the parameters {name} are not a struct: only named fields can be set")]
    NoStruct {
        /// The type.
        name: &'static str,
    },
}

/// Why an unknown name is refused, with the names that there are.
fn unknown(name: &str, nearest: Option<&str>, known: &[String]) -> String {
    let nearest = nearest.map_or(String::new(), |nearest| format!("; did you mean {nearest:?}?"));
    match known {
        [] => format!("the task has no parameter {name:?}, nor any other"),
        known => {
            format!("the task has no parameter {name:?}{nearest} (it has {})", known.join(", "))
        }
    }
}

/// The name that is nearest to what was typed, if one is near.
pub(crate) fn nearest<'a>(
    typed: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let near = names.into_iter().map(|name| (distance(typed, name), name));
    // Far enough to be another word altogether: more than half of what was typed.
    let near = near.filter(|(distance, _)| {
        *distance <= NEAREST_DISTANCE_MAX && *distance * 2 <= typed.chars().count().max(2)
    });
    near.min().map(|(_, name)| name)
}

/// How many letters must be added, removed or replaced (Levenshtein, 1965), by one row at a time.
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
