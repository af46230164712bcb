//! A template of the text that each cycle sends: literal text, and the numbers of the cycle.
//!
//! It refuses names that it does not know. Nothing here allocates once the buffer is large enough.

use std::io::Write;

use anyhow::{Context, bail};

use super::lines::FileLines;

/// The names that a template may contain, for errors.
const NAMES: &str = "`{cycle}`, `{worker}`, `{random N}` or `{line}`, and `{{` for a brace";

/// A text with places that each cycle fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LineTemplate(Vec<TemplatePiece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Cycle,
    Worker,
    /// A number from 0 to one below this.
    Random(u64),
    /// The cycle's line of a file.
    FileLine,
}

/// The numbers that fill a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct CycleNumbers {
    pub(super) cycle: u64,
    pub(super) worker: u32,
    pub(super) seed: u64,
}

impl LineTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// If a name in it is unknown, or a brace is not closed.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let text = text.replace("\\n", "\n");
        let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            literal.push_str(before);
            if let Some(after) = after.strip_prefix('{') {
                literal.push('{');
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').with_context(|| {
                format!("the brace before `{after}` is not closed: expected {NAMES}")
            })?;
            if !literal.is_empty() {
                pieces.push(TemplatePiece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(TemplatePiece::named(name)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(TemplatePiece::Text(literal));
        }
        Ok(Self(pieces))
    }

    /// Returns `true` if the text has a line of a file in it.
    pub(super) fn has_file_line(&self) -> bool {
        self.0.contains(&TemplatePiece::FileLine)
    }

    /// Appends the text of one cycle, and a line break.
    pub(super) fn write(&self, numbers: CycleNumbers, lines: &FileLines, line: &mut Vec<u8>) {
        let CycleNumbers { cycle, worker, seed } = numbers;
        for (place, piece) in self.0.iter().enumerate() {
            // A vector accepts every byte.
            let _written = match piece {
                TemplatePiece::Text(text) => line.write_all(text.as_bytes()),
                TemplatePiece::Cycle => write!(line, "{cycle}"),
                TemplatePiece::Worker => write!(line, "{worker}"),
                TemplatePiece::FileLine => line.write_all(lines.of_cycle(cycle)),
                TemplatePiece::Random(limit) => {
                    let drawn = mixed(mixed(mixed(seed) ^ cycle) ^ place as u64);
                    write!(line, "{}", (u128::from(drawn) * u128::from(*limit)) >> 64)
                }
            };
        }
        line.push(b'\n');
    }
}

impl TemplatePiece {
    fn named(name: &str) -> anyhow::Result<Self> {
        if let Some(limit) = name.strip_prefix("random ") {
            return match limit.trim().parse() {
                Ok(limit) if limit > 0 => Ok(Self::Random(limit)),
                _ => bail!(
                    "invalid `{{{name}}}`: expected a whole number from 1, as `{{random 100}}`"
                ),
            };
        }
        match name {
            "cycle" => Ok(Self::Cycle),
            "worker" => Ok(Self::Worker),
            "line" => Ok(Self::FileLine),
            _ => bail!("unknown name `{{{name}}}`: expected {NAMES}"),
        }
    }
}

/// Mixes the bits of a number: the finalizer of SplitMix64, from one number to another that looks
/// unrelated.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(template: &str, cycle: u64, seed: u64) -> String {
        let mut line = Vec::new();
        let template = LineTemplate::read(template).expect("a template");
        let numbers = CycleNumbers { cycle, worker: 3, seed };
        template.write(numbers, &FileLines::default(), &mut line);
        String::from_utf8(line).expect("UTF-8")
    }

    #[test]
    fn a_line_has_the_numbers_of_its_cycle() {
        assert_eq!(line("{cycle}", 12, 0), "12\n");
        assert_eq!(line("SET k{cycle} {worker}", 12, 0), "SET k12 3\n");
        assert_eq!(line(r#"{{"id":{cycle}}"#, 12, 0), "{\"id\":12}\n");
        assert_eq!(line(r"one\ntwo", 12, 0), "one\ntwo\n");
        assert_eq!(line(r"\echo ={cycle}", 12, 0), "\\echo =12\n");
        assert_eq!(line("", 12, 0), "\n");
    }

    #[test]
    fn random_numbers_follow_from_seed_and_cycle_and_fill_their_range() {
        assert_eq!(line("{random 1000}", 7, 5), line("{random 1000}", 7, 5));
        let drawn = |seed| -> Vec<String> {
            (0..200).map(|cycle| line("{random 10}", cycle, seed)).collect()
        };
        assert_ne!(drawn(1), drawn(2));
        let mut different = drawn(1);
        different.sort();
        different.dedup();
        let digits: Vec<String> = (0..10).map(|digit| format!("{digit}\n")).collect();
        assert_eq!(different, digits);
        // Two places in one line are two numbers.
        let two = line("{random 1000000} {random 1000000}", 7, 5);
        let (first, second) = two.trim().split_once(' ').expect("two");
        assert_ne!(first, second);
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused() {
        for (template, reason) in [
            (
                "{cycel}",
                "unknown name `{cycel}`: expected `{cycle}`, `{worker}`, `{random N}` or `{line}`",
            ),
            ("{}", "unknown name `{}`"),
            ("{random}", "unknown name `{random}`"),
            ("{random 0}", "invalid `{random 0}`: expected a whole number from 1"),
            ("{random x}", "invalid `{random x}`"),
            ("a{cycle", "the brace before `cycle` is not closed"),
        ] {
            let error = LineTemplate::read(template).unwrap_err().to_string();
            assert!(error.starts_with(reason), "{template}: {error}");
        }
    }
}
