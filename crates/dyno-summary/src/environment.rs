//! The environment of a run: the facts that one must know to compare two runs.

use serde::{Deserialize, Serialize};

/// The machine, the compiler and the commit of a run. A fact that could not be found out is an
/// empty text.
///
/// ```
/// use dyno_summary::Environment;
///
/// fn is_comparable(one: &Environment, other: &Environment) -> bool {
///     (&one.cpu, one.cores, &one.os) == (&other.cpu, other.cores, &other.os)
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Environment {
    /// The version of dyno.
    pub dyno: String,
    /// The compiler that built dyno into this program.
    pub rustc: String,
    /// The system and its architecture, such as `linux x86_64`.
    pub os: String,
    /// The processor's name.
    pub cpu: String,
    /// The number of processes that can run at once.
    pub cores: u32,
    /// The commit that is checked out in the current folder; `None` outside of a git repository.
    pub git: Option<String>,
}
