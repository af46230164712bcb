//! The check of the name that a result is saved as, before anything is started. The name becomes a
//! part of a file's name.

use super::OutputFlags;

/// The longest name.
const NAME_MAX: usize = 60;

/// A baseline that can't be saved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaselineError {
    #[error(
        "invalid --save `{0}`: expected a name of letters, digits, `-`, `_` and `.`, such as `main`"
    )]
    Name(String),
    #[error("--save: a folder of --out belongs to the user alone; leave one of the two out")]
    Out,
}

/// Checks the name of the baseline, if one is set.
pub(crate) fn check(output: &OutputFlags) -> Result<(), BaselineError> {
    let Some(name) = &output.save else { return Ok(()) };
    if !is_name(name) {
        return Err(BaselineError::Name(name.clone()));
    }
    if output.out.is_some() { Err(BaselineError::Out) } else { Ok(()) }
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= NAME_MAX
        && name.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_has_a_plain_name_and_no_folder_of_the_users() {
        let save = |name: &str| OutputFlags { save: Some(name.into()), ..OutputFlags::default() };
        for name in ["main", "v1.2-rc_3", "2026-01-02"] {
            assert_eq!(check(&save(name)), Ok(()));
        }
        for name in ["", "-x", ".x", "a/b", "a b", "größe", &"x".repeat(61)] {
            assert_eq!(check(&save(name)), Err(BaselineError::Name(name.to_owned())));
        }
        let both = OutputFlags { out: Some("x".into()), ..save("main") };
        assert_eq!(check(&both), Err(BaselineError::Out));
        assert_eq!(check(&OutputFlags::default()), Ok(()));
    }
}
