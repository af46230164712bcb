//! A row of the table of settings: all that dyno knows of one setting, and the macro that makes
//! the table's rows an enum.

use dyno_summary::Parameters;

use super::task::TaskParameters;
use crate::plan::Plan;

/// All that dyno knows of one setting.
#[derive(Debug)]
#[non_exhaustive]
pub struct SettingRow {
    /// The long name of the flag, without its dashes. The variable has the same name.
    pub name: &'static str,
    /// The letter of the short flag.
    pub short: Option<char>,
    /// The heading of the help that the flag is listed under.
    pub heading: &'static str,
    /// The placeholder of the value in the help.
    pub value_name: &'static str,
    /// The flag's line in the help, which must be clear without the lines around it.
    pub help: &'static str,
    /// The description in `docs/parameters.md`, as Markdown: the help, the limits, the exceptions.
    pub details: &'static str,
    /// The value of a setting that is missing.
    pub default: DefaultText,
    /// Returns the names that can be chosen; empty if any other text may be a value.
    pub choices: fn() -> Vec<&'static str>,
    /// `true` if `-5` is a value after the flag, and not another flag. The value may still be
    /// refused, with a message about the value.
    pub may_be_negative: bool,
    /// `true` if the setting has a question of `--prompt`.
    pub is_asked: bool,
    /// `true` if each text adds a value; otherwise the last text replaces those before it. The
    /// variable of a setting that repeats holds several values.
    pub repeats: bool,
    /// Returns `true` for the characters between the values of the variable.
    pub separates: fn(char) -> bool,
    /// Reads a text into the draft, or returns a description of the allowed values.
    pub(super) read: fn(&str, &mut PlanDraft) -> Result<(), String>,
    /// Copies the value from the plan to the result, whose fields are a contract.
    pub(super) record: fn(&Plan, &mut Parameters),
    /// Returns the value as people read it; `None` if the run does not depend on it.
    pub(super) shown: fn(&Parameters) -> Option<String>,
    /// `true` if a report lists the value in any case; otherwise only if it is not the default.
    pub is_always_reported: bool,
}

/// The value of a setting that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultText {
    /// The value of this text, as a user would write it.
    Text(&'static str),
    /// A value that no text means; this is its description in the documentation.
    Described(&'static str),
}

/// A plan while its settings are read, one after another.
#[derive(Debug)]
pub(super) struct PlanDraft {
    pub(super) plan: Plan,
    /// The task's parameters, which become a part of the plan once all of them are known.
    pub(super) task: TaskParameters,
}

impl SettingRow {
    /// A row with the answers that most settings have.
    pub(super) const USUAL: Self = Self {
        name: "",
        short: None,
        heading: "",
        value_name: "",
        help: "",
        details: "",
        default: DefaultText::Described("none"),
        choices: Vec::new,
        may_be_negative: true,
        is_asked: false,
        repeats: false,
        separates: char::is_whitespace,
        read: |_, _| Ok(()),
        record: |_, _| {},
        shown: |_| None,
        is_always_reported: false,
    };
}

/// Declares the enum [`Setting`](super::Setting) from the table: `Variant "help" { field: value }`.
/// Fields that a row leaves out are those of [`SettingRow::USUAL`].
macro_rules! settings {
    ($($variant:ident $help:literal { $($field:ident: $value:expr,)* })*) => {
        /// A setting of a run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Setting {
            $(#[doc = $help] $variant,)*
        }

        impl Setting {
            /// All settings, in the order of the documentation.
            pub const ALL: [Self; [$($help),*].len()] = [$(Self::$variant),*];

            /// Returns the row of the table.
            #[must_use]
            pub fn row(self) -> &'static SettingRow {
                static ROWS: [SettingRow; Setting::ALL.len()] = [
                    $(SettingRow { help: $help, $($field: $value,)* ..SettingRow::USUAL },)*
                ];
                &ROWS[self as usize]
            }
        }
    };
}
pub(super) use settings;
