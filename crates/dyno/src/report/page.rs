//! The page of a run, a study or a comparison: `report.html`, one file that any browser opens.
//!
//! It is made from the result alone and requests nothing from anywhere: the style, the script and
//! the pictures are in it, and its security policy allows nothing else. Without the script it is
//! readable; with it, charts show values under the pointer, hide series, and zoom. Colours follow
//! the system's setting, and differ for the colour-blind too. Texts of others are escaped, and
//! isolated from the direction of what is around them.

mod axis;
mod chart;
mod comparison;
mod file;
mod heat;
mod html;
#[cfg(feature = "dashboard")]
pub(super) mod live;
mod over_time;
mod png;
mod run;
mod spectrum;
mod study;
mod workers;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dyno_summary::Verdict;
use serde_json::Value;

pub(crate) use self::comparison::render as of_comparison;
pub(super) use self::file::PageFile;
use self::html::{Html, flat};
pub(crate) use self::run::render as of_run;
pub(crate) use self::study::render as of_study;
use crate::sha256;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The top of a page: the answer, and the reason for it.
struct Head<'a> {
    name: &'a str,
    /// The wall time of the begin; may be empty.
    started_at: &'a str,
    answer: &'a str,
    mood: Mood,
    /// The reasons, a sentence each.
    reasons: &'a [String],
    /// A suggestion for the next run; may be empty.
    hint: &'a str,
}

/// The colour and the sign of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Bad,
    Open,
}

impl Mood {
    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Sustained | Verdict::Completed => Self::Good,
            Verdict::Inconclusive | Verdict::Interrupted | Verdict::Invalid => Self::Open,
            // A verdict that this version does not know never passes for a success.
            _ => Self::Bad,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Open => "?",
        }
    }
}

/// A page without the frame around it.
#[derive(Debug)]
pub(in crate::report) struct PageContent {
    title: String,
    /// The markup of the element `main`.
    main: String,
    /// The values of the charts for the script.
    data: Value,
}

impl PageContent {
    fn new(head: &Head<'_>, body: Html, data: Value) -> Self {
        let mut main = Html::default();
        answer(&mut main, head);
        main.markup(&body.into_text());
        let title = flat(&format!("{}: {}", head.name, head.answer));
        Self { title, main: main.into_text(), data }
    }

    /// Returns the page as a whole file.
    fn into_file(self) -> String {
        self.framed(&[SCRIPT], &policy(&[SCRIPT], ""))
    }

    /// Returns the page around its sections, with these scripts.
    fn framed(&self, scripts: &[&str], policy: &str) -> String {
        let mut html = Html::default();
        html.markup("<!doctype html>\n");
        html.inside("html", &[("lang", "en")], |html| {
            html.inside("head", &[], |html| {
                html.open("meta", &[("charset", "utf-8")]);
                let equiv = ("http-equiv", "Content-Security-Policy");
                html.open("meta", &[equiv, ("content", policy)]);
                let viewport = "width=device-width, initial-scale=1";
                html.open("meta", &[("name", "viewport"), ("content", viewport)]);
                html.open("meta", &[("name", "color-scheme"), ("content", "light dark")]);
                // Without it, the browser requests an icon from the server.
                html.open("link", &[("rel", "icon"), ("href", "data:,")]);
                html.element("title", &[], &self.title);
                html.inside("style", &[], |html| html.markup(STYLE));
            });
            html.inside("body", &[], |html| {
                html.inside("main", &[], |html| html.markup(&self.main));
                html.data("data", &self.data);
                for script in scripts {
                    html.inside("script", &[], |html| html.markup(script));
                }
            });
        });
        let mut text = html.into_text();
        text.push('\n');
        text
    }
}

/// Returns the security policy of a page with these scripts. Its sources are exactly the page's
/// own: nothing else is loaded, run or sent, except as `further` directives allow.
fn policy(scripts: &[&str], further: &str) -> String {
    let scripts: Vec<_> = scripts.iter().map(|script| hash_source(script)).collect();
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'{further}",
        hash_source(STYLE),
        scripts.join(" ")
    )
}

/// Returns a source of a security policy: the hash of a script or a style.
fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256::digest(text.as_bytes())))
}

fn answer(html: &mut Html, head: &Head<'_>) {
    html.inside("header", &[("class", head.mood.class())], |html| {
        html.inside("p", &[("class", "name")], |html| {
            html.element("bdi", &[], head.name);
            if !head.started_at.is_empty() {
                html.element("time", &[("datetime", head.started_at)], head.started_at);
            }
        });
        html.inside("h1", &[], |html| {
            html.element("span", &[("class", "sign"), ("aria-hidden", "true")], head.mood.sign());
            html.element("bdi", &[], head.answer);
        });
        for (index, reason) in head.reasons.iter().enumerate() {
            let class = if index == 0 { "reason" } else { "also" };
            html.foreign("p", &[("class", class)], reason);
        }
        if !head.hint.is_empty() {
            html.inside("p", &[("class", "also")], |html| {
                html.text("next: ");
                html.element("bdi", &[], head.hint);
            });
        }
    });
}

/// Appends a paragraph for each warning.
fn warnings(html: &mut Html, warnings: &[String]) {
    notes(html, "warning: ", warnings);
}

/// Appends a paragraph for each text that readers should not miss, with a word before it.
fn notes(html: &mut Html, word: &str, texts: &[String]) {
    for text in texts {
        html.inside("p", &[("class", "warning")], |html| {
            html.element("strong", &[], word);
            html.element("bdi", &[], text);
        });
    }
}

#[cfg(test)]
mod tests;
