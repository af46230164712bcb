//! The benchmarks that this program declares, and the time of their declaration. Its workers are
//! the same program: each has to reach the declaration of its benchmark before it reaches a run.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The place of a benchmark among those of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Declaration {
    /// Its workers find this task by its name.
    Found,
    /// Its workers find an earlier task of the same name.
    Hidden,
    /// Its workers reach another benchmark's run first, which ends them.
    Late {
        /// The name of that other benchmark.
        ran: String,
    },
}

/// The benchmarks that this program declared so far.
static DECLARED: Mutex<Declared> = Mutex::new(Declared { tasks: BTreeMap::new(), first_run: None });

struct Declared {
    /// The type of the first task of each name, and the place of its declaration.
    tasks: BTreeMap<String, (TypeId, Declaration)>,
    /// The name of the first benchmark that ran; `None` until one runs.
    first_run: Option<String>,
}

/// Notes that a benchmark runs.
pub(super) fn runs(name: &str) {
    declared().first_run.get_or_insert_with(|| name.to_owned());
}

fn declared() -> MutexGuard<'static, Declared> {
    DECLARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that this task is declared. A worker finds its task by name, and takes the first one. The
/// same task may be declared again, as in a loop over rates. Only its type is compared, not its
/// values.
pub(super) fn declare<T: 'static>(name: &str, _task: &T) -> Declaration {
    let mut declared = declared();
    let place = match &declared.first_run {
        None => Declaration::Found,
        Some(ran) => Declaration::Late { ran: ran.clone() },
    };
    match declared.tasks.entry(name.to_owned()) {
        Entry::Vacant(entry) => entry.insert((TypeId::of::<T>(), place)).1.clone(),
        Entry::Occupied(first) if first.get().0 == TypeId::of::<T>() => first.get().1.clone(),
        Entry::Occupied(_) => Declaration::Hidden,
    }
}
