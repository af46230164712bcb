//! The names of the user's metrics: one registry per process, where a name is entered once and for
//! ever.
//!
//! It owns the rules for a name, and the limit on their number: each name costs the primary a
//! histogram, and names made of a user's input must not exhaust it. It refuses a name that it
//! cannot keep, with an error that gives the reason. Entries live as long as the process, so that a
//! handle is a reference.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock};

use dyno_bus::builtin;
use dyno_bus::message::{METRIC_NAME_MAX, METRICS_MAX};
use dyno_bus::value::Unit;

/// The built-in metrics; a user's metric cannot have one of these names.
pub const RESERVED: [&str; builtin::ALL.len()] = builtin::ALL;

/// The most names that the code of one process may use: together with the built-in ones, as many as
/// the protocol allows.
pub const NAMES_MAX: usize = METRICS_MAX - RESERVED.len();

/// The number of names that a thread finds again without a lock: more than a cycle is likely to
/// use.
const CACHE_SLOTS: usize = 64;

/// A name that no metric can have.
///
/// ```
/// # use dyno_emitter as dyno;
/// let error = dyno::try_histogram("service").expect_err("it is built in");
/// assert!(matches!(error, dyno::NameError::Reserved { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty.
    #[error("a metric's name is empty: give it a name of 1 to {METRIC_NAME_MAX} bytes")]
    Empty,
    /// The name would not fit a table.
    #[error(
        "the metric name `{beginning}…` has {length} bytes, over the limit of {METRIC_NAME_MAX}: \
         shorten it"
    )]
    TooLong {
        /// The first 16 characters of the name.
        beginning: String,
        /// The length of the name in bytes.
        length: usize,
    },
    /// The name would break a line of a table or of the histogram log.
    #[error(
        "the metric name {name:?} holds {character:?}: leave out control characters, `,`, `\"` and `@`"
    )]
    Character {
        /// The whole name.
        name: String,
        /// The first character that a name cannot hold.
        character: char,
    },
    /// The name is that of a built-in metric.
    #[error("the metric name `{name}` is built in: choose another (built in are {})", RESERVED.join(", "))]
    Reserved {
        /// The name, one of [`RESERVED`].
        name: String,
    },
    /// The process has used as many names as it may.
    #[error(
        "cannot register the metric `{name}`: the limit is {max} names; do not build names from values"
    )]
    TooMany {
        /// The name that was refused.
        name: String,
        /// The number of names that are allowed.
        max: usize,
    },
}

/// A name in the registry.
#[derive(Debug)]
pub(crate) struct RegisteredName {
    /// Its number in this process: from 0, in the order of first use.
    pub(crate) index: u32,
    pub(crate) name: &'static str,
    unit: AtomicU8,
}

/// The states of an entry's unit: only a unit set explicitly is never overridden.
const UNIT_UNSET: u8 = 0;
const UNIT_IMPLIED: u8 = 1;
/// The state of the first unit that can be set; the others follow in the order of [`Unit::ALL`].
const UNIT_FIRST: u8 = 2;

impl RegisteredName {
    /// Returns the unit of the values: the one that was set, or an implied one, or none.
    pub(crate) fn unit(&self) -> Unit {
        match self.unit.load(Ordering::Relaxed) {
            UNIT_UNSET => Unit::None,
            UNIT_IMPLIED => Unit::Nanoseconds,
            set => Unit::ALL[usize::from(set - UNIT_FIRST)],
        }
    }

    /// Sets the unit of the values.
    ///
    /// # Errors
    /// If another unit was set before: that unit.
    pub(crate) fn set_unit(&self, unit: Unit) -> Result<(), Unit> {
        let place = Unit::ALL.iter().position(|one| *one == unit).unwrap_or(0);
        let wanted = UNIT_FIRST + place as u8;
        let set = |current| (current <= UNIT_IMPLIED || current == wanted).then_some(wanted);
        match self.unit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, set) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.unit()),
        }
    }

    /// Makes the unit nanoseconds, because a duration was recorded, unless a unit is known already.
    #[inline]
    pub(crate) fn imply_nanoseconds(&self) {
        if self.unit.load(Ordering::Relaxed) == UNIT_UNSET {
            // A thread that came in between has set a unit, or implies the same one.
            let _kept = self.unit.compare_exchange(
                UNIT_UNSET,
                UNIT_IMPLIED,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }
}

/// Returns the entry of a name, made at its first use.
pub(crate) fn find(name: &str) -> Result<&'static RegisteredName, NameError> {
    let known = NAMES.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).copied();
    match known {
        Some(entry) => Ok(entry),
        None => NAMES.write().unwrap_or_else(PoisonError::into_inner).enter(name),
    }
}

/// Like [`find`], without a lock if this thread has used the name before: for callers that pass a
/// name where others keep a handle.
pub(crate) fn find_again(name: &str) -> Result<&'static RegisteredName, NameError> {
    thread_local! {
        static CACHE: [Cell<Option<&'static RegisteredName>>; CACHE_SLOTS] =
            const { [const { Cell::new(None) }; CACHE_SLOTS] };
    }
    // The address finds the slot, the content decides: literals keep their address, and another
    // name at the same address is noticed.
    let address = name.as_ptr().addr();
    let slot = (address ^ (address >> 6) ^ name.len()) % CACHE_SLOTS;
    CACHE.with(|cache| match cache[slot].get() {
        Some(entry) if entry.name == name => Ok(entry),
        _ => {
            let entry = find(name)?;
            cache[slot].set(Some(entry));
            Ok(entry)
        }
    })
}

/// Returns the entry with this number.
///
/// # Panics
/// If no name has this number.
pub(crate) fn entry(index: usize) -> &'static RegisteredName {
    NAMES.read().unwrap_or_else(PoisonError::into_inner).by_index[index]
}

static NAMES: RwLock<Names> = RwLock::new(Names::new(NAMES_MAX));

/// The registered names and their entries.
struct Names {
    by_name: BTreeMap<&'static str, &'static RegisteredName>,
    by_index: Vec<&'static RegisteredName>,
    max: usize,
}

impl Names {
    const fn new(max: usize) -> Self {
        Self { by_name: BTreeMap::new(), by_index: Vec::new(), max }
    }

    fn enter(&mut self, name: &str) -> Result<&'static RegisteredName, NameError> {
        if let Some(entry) = self.by_name.get(name) {
            return Ok(entry);
        }
        check(name)?;
        let count = self.by_index.len();
        if count == self.max {
            return Err(NameError::TooMany { name: name.to_owned(), max: self.max });
        }
        let name = Box::leak(Box::<str>::from(name));
        // At most `max`, which is far below 2^32.
        let index = count as u32;
        let entry =
            &*Box::leak(Box::new(RegisteredName { index, name, unit: AtomicU8::new(UNIT_UNSET) }));
        self.by_name.insert(entry.name, entry);
        self.by_index.push(entry);
        Ok(entry)
    }
}

/// Returns an error if a metric cannot have this name.
fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > METRIC_NAME_MAX {
        let beginning = name.chars().take(16).collect();
        return Err(NameError::TooLong { beginning, length: name.len() });
    }
    let forbidden =
        |character: char| character.is_control() || [',', '"', '@'].contains(&character);
    if let Some(character) = name.chars().find(|character| forbidden(*character)) {
        return Err(NameError::Character { name: name.to_owned(), character });
    }
    if RESERVED.contains(&name) {
        return Err(NameError::Reserved { name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_the_same_entry() {
        let first = find("name::same").expect("valid");
        assert!(std::ptr::eq(first, find("name::same").expect("valid")));
        assert!(std::ptr::eq(first, find_again("name::same").expect("valid")));
        assert!(std::ptr::eq(first, entry(first.index as usize)));
        assert!(!std::ptr::eq(first, find("name::other").expect("valid")));
    }

    #[test]
    fn another_name_at_the_same_address_is_another_entry() {
        let mut name = String::from("name::a");
        assert_eq!(find_again(&name).expect("valid").name, "name::a");
        name.pop();
        name.push('b');
        assert_eq!(find_again(&name).expect("valid").name, "name::b");
    }

    #[test]
    fn names_that_can_not_be_kept_are_refused_with_the_reason() {
        let message = |name: &str| find(name).expect_err("refused").to_string();
        assert_eq!(message(""), "a metric's name is empty: give it a name of 1 to 128 bytes");
        assert_eq!(
            message(&"é".repeat(100)),
            "the metric name `éééééééééééééééé…` has 200 bytes, over the limit of 128: shorten it"
        );
        assert!(message("a\nb").starts_with(r#"the metric name "a\nb" holds '\n'"#));
        assert!(message("a,b").contains("holds ','"));
        for name in RESERVED {
            assert!(message(name).starts_with(&format!("the metric name `{name}` is built in")));
        }
        assert!(find(&"x".repeat(METRIC_NAME_MAX)).is_ok());
        assert!(find("GET /users/{id}").is_ok());
    }

    #[test]
    fn one_name_too_many_is_refused_and_the_known_ones_stay() {
        let mut names = Names::new(2);
        for name in ["a", "b"] {
            names.enter(name).expect("room");
        }
        let error = names.enter("c").expect_err("full");
        assert_eq!(error, NameError::TooMany { name: "c".into(), max: 2 });
        assert_eq!(names.enter("b").expect("known").index, 1);
    }

    #[test]
    fn a_unit_that_was_set_is_kept() {
        let entry = find("name::unit").expect("valid");
        assert_eq!(entry.unit(), Unit::None);
        entry.imply_nanoseconds();
        assert_eq!(entry.unit(), Unit::Nanoseconds);
        assert_eq!(entry.set_unit(Unit::Bytes), Ok(()));
        entry.imply_nanoseconds();
        assert_eq!(entry.set_unit(Unit::Permille), Err(Unit::Bytes));
        assert_eq!(entry.set_unit(Unit::Bytes), Ok(()));
        assert_eq!(entry.unit(), Unit::Bytes);
    }
}
