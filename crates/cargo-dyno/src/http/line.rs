//! The command line of `http`: a benchmark's flags, the flags of `http` itself, and the URL.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Arg, ArgAction};

use super::connections::{check_reachable, read_request};
use super::{HttpParameters, NAME};
use crate::command::halves;
use crate::init::check_name;

const EXAMPLE: &str = "cargo dyno http http://localhost:8080/ --rate 500";
/// The longest time until the whole reply has arrived, unless given.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A flag of `http` itself.
struct HttpFlag {
    name: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
}

const FLAGS: [HttpFlag; 5] = [
    HttpFlag {
        name: "name",
        short: None,
        value: "NAME",
        help: "The name that `runs` lists and `show` takes; http unless given",
    },
    HttpFlag {
        name: "method",
        short: Some('m'),
        value: "METHOD",
        help: "The method of each request; GET unless given",
    },
    HttpFlag {
        name: "header",
        short: Some('H'),
        value: "FIELD",
        help: "A header field, as 'Accept: text/html'; may be repeated",
    },
    HttpFlag {
        name: "body",
        short: None,
        value: "FILE",
        help: "The file with the body of each request",
    },
    HttpFlag {
        name: "timeout",
        short: None,
        value: "DURATION",
        help: "The longest time until the whole reply has arrived; 5s unless given",
    },
];

/// A command line in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HttpLine {
    /// A program's name, and the benchmark's flags.
    pub(super) flags: Vec<OsString>,
    /// The flags of `http` itself, in their order.
    own: Vec<(&'static str, OsString)>,
    url: Option<OsString>,
}

/// Returns the flags that only `http` has, for its help.
pub(super) fn own_flags() -> Vec<Arg> {
    let flag = |own: &HttpFlag| {
        let flag = Arg::new(own.name).long(own.name).short(own.short).value_name(own.value);
        flag.help_heading("Task").help(own.help).action(ArgAction::Append)
    };
    FLAGS.iter().map(flag).collect()
}

impl HttpLine {
    /// Reads the words. The URL is the first of them unless that is a flag, or else the first one
    /// that begins as a URL: only the benchmark knows which of its flags take a value.
    pub(super) fn of(args: Vec<OsString>) -> Self {
        let mut words: Vec<_> = args.into_iter().skip(2).collect();
        words.reverse();
        let mut line = Self { flags: vec![NAME.into()], own: Vec::new(), url: None };
        while let Some(word) = words.pop() {
            if let Some((name, value)) = own(&word) {
                line.own.push((name, value.or_else(|| words.pop()).unwrap_or_default()));
                continue;
            }
            let text = word.to_string_lossy();
            let is_first = line.flags.len() == 1 && !text.starts_with('-');
            let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
            if line.url.is_none() && (is_first || is_url) {
                line.url = Some(word);
            } else {
                line.flags.push(word);
            }
        }
        line
    }

    /// Returns the benchmark's name, which need not be a valid one.
    pub(super) fn name(&self) -> String {
        let name = self.last("name").map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| NAME.to_owned())
    }

    /// Returns the task's parameters.
    ///
    /// # Errors
    /// If the name or a part of the request can't be used, or no server accepts a connection.
    pub(super) fn parameters(&self) -> anyhow::Result<HttpParameters> {
        if self.last("name").is_some() {
            check_name(&self.name()).context("invalid --name")?;
        }
        let Some(url) = &self.url else { bail!("no URL: give one, as in `{EXAMPLE}`") };
        let body = match self.text("body")? {
            Some(file) => {
                let path = std::path::absolute(Path::new(file))?;
                path.to_str().context("--body is not UTF-8")?.to_owned()
            }
            None => String::new(),
        };
        let headers = self.own.iter().filter(|(name, _)| *name == "header");
        let headers = headers.map(|(_, field)| text_of("header", field).map(str::to_owned));
        let timeout = match self.text("timeout")? {
            Some(text) => duration(text)?,
            None => TIMEOUT,
        };
        let parameters = HttpParameters {
            url: url.to_str().context("the URL is not UTF-8")?.to_owned(),
            method: self.text("method")?.unwrap_or("GET").to_owned(),
            headers: headers.collect::<anyhow::Result<_>>()?,
            body,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        };
        check_reachable(read_request(&parameters)?.uri())?;
        Ok(parameters)
    }

    fn last(&self, flag: &str) -> Option<&OsString> {
        self.own.iter().rev().find(|(name, _)| *name == flag).map(|(_, value)| value)
    }

    /// Returns the last value of a flag of `http` itself, if the flag is given.
    fn text(&self, flag: &str) -> anyhow::Result<Option<&str>> {
        self.last(flag).map(|value| text_of(flag, value)).transpose()
    }
}

/// Returns the flag of `http` itself that a word is, and the value in the word.
fn own(word: &OsString) -> Option<(&'static str, Option<OsString>)> {
    let text = word.to_str()?;
    let short = FLAGS.iter().find_map(|flag| {
        let value = text.strip_prefix('-')?.strip_prefix(flag.short?)?;
        Some((flag.name, (!value.is_empty()).then(|| value.into())))
    });
    let (name, value) = halves(word);
    let long = name.and_then(|name| name.strip_prefix("--"));
    let long = FLAGS.iter().find(|flag| Some(flag.name) == long).map(|flag| (flag.name, value));
    short.or(long)
}

fn text_of<'a>(flag: &str, value: &'a OsString) -> anyhow::Result<&'a str> {
    let text = value.to_str().with_context(|| format!("--{flag} is not UTF-8"))?;
    ensure!(!text.is_empty(), "--{flag} needs a value");
    Ok(text)
}

fn duration(text: &str) -> anyhow::Result<Duration> {
    let read = humantime::parse_duration(text).ok().filter(|time| time.as_millis() > 0);
    read.with_context(|| {
        format!("invalid --timeout `{text}`: expected a time from 1ms, such as `500ms` or `2s`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> HttpLine {
        let words = ["cargo-dyno", "http"].iter().chain(words).map(OsString::from);
        HttpLine::of(words.collect())
    }

    #[track_caller]
    fn refusal(words: &[&str]) -> String {
        format!("{:#}", line(words).parameters().expect_err("refused"))
    }

    #[test]
    fn its_own_flags_and_the_url_are_taken_out_and_the_others_are_the_benchmarks() {
        for words in [
            ["http://a/", "-R", "5k", "-m", "POST", "-HX-A: b=c", "--header=Accept: */*"],
            ["-R", "5k", "-mPOST", "-H", "X-A: b=c", "--header=Accept: */*", "http://a/"],
        ] {
            let line = line(&words);
            assert_eq!(line.flags, ["http", "-R", "5k"], "{words:?}");
            assert_eq!(line.url, Some("http://a/".into()));
            let own = [("method", "POST"), ("header", "X-A: b=c"), ("header", "Accept: */*")];
            assert_eq!(line.own, own.map(|(name, value)| (name, value.into())), "{words:?}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused_with_the_way_out() {
        for (words, refused) in [
            (&["-R", "5"][..], "no URL: give one, as in `cargo dyno http http://localhost:8080/"),
            (&["localhost:8080"], "invalid URL `localhost:8080`: expected one that begins with"),
            (&["ftp://a/"], "invalid URL `ftp://a/`: expected one that begins with http://"),
            (&["http://"], "invalid URL `http://`"),
            (&["http://u:p@a/"], "the URL has a user: leave it out, and give -H 'Authorization: "),
            (&["http://a/", "-m", "A B"], "invalid --method `A B`"),
            (&["http://a/", "-H", "none"], "invalid --header `none`: expected `NAME: VALUE`"),
            (&["http://a/", "-H", "a b: c"], "invalid --header `a b: c`: "),
            (&["http://a/", "--body", "/no/file"], "can't read --body `/no/file`"),
            (&["http://a/", "--timeout", "0s"], "invalid --timeout `0s`: expected a time"),
            (&["http://a/", "--timeout"], "--timeout needs a value"),
            (&["http://a/", "--name", "a/b"], "invalid --name: `a/b` can't be"),
            (&["http://127.0.0.1:1/"], "no server accepts a connection at 127.0.0.1:1: "),
        ] {
            let refusal = refusal(words);
            assert!(refusal.starts_with(refused), "{words:?}: {refusal}");
        }
    }
}
