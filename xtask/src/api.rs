//! `cargo xtask api`: the public names of the crates that users import, compared with a committed
//! list.
//!
//! The names are those of rustdoc's pages, so that it needs no tool beyond the stable toolchain:
//! `all.html` lists the items of a crate, and the page of an item has an `id` for each member. What
//! rustdoc hides is not public. It compares names alone; `cargo xtask semver` compares types too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{self, cargo, metadata, root};

/// The packages that users import, each with the name of its library.
pub(crate) const PACKAGES: [(&str, &str); 2] =
    [("dyno-bench", "dyno"), ("dyno-summary", "dyno_summary")];
/// The list of names, from the repository's root.
const LIST: &str = "docs/public-api.txt";
/// The kinds of members that have an `id` on an item's page: the beginning of the
/// `id`, and the word for it in the list.
const MEMBERS: [(&str, &str); 6] = [
    ("structfield.", "field"),
    ("variant.", "variant"),
    ("method.", "fn"),
    ("tymethod.", "fn"),
    ("associatedconstant.", "const"),
    ("associatedtype.", "type"),
];

/// The treatment of differences.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// Write the list instead of comparing with it
    #[arg(long)]
    fix: bool,
}

/// Compares the public names with the list, or writes the list.
///
/// # Errors
/// If a name was added or removed, if an item has no example, or if the documentation can't be
/// built.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let metadata = metadata()?;
    let docs = metadata.target_directory.join("doc");
    let mut document = cargo("doc --quiet --no-deps --all-features");
    for (package, library) in PACKAGES {
        // The pages of private items may be there, of an earlier run that cargo takes for this one.
        let _missing = fs::remove_dir_all(docs.join(library));
        document.args(["-p", package]);
    }
    command::run(&mut document)?;
    let mut names = BTreeSet::new();
    let mut bare = Vec::new();
    for (_, library) in PACKAGES {
        read(docs.join(library).as_std_path(), library, &mut names, &mut bare)?;
    }
    let path = root().join(LIST);
    if arguments.fix {
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        fs::write(&path, text).with_context(|| format!("{LIST} can't be written"))?;
        println!("wrote {LIST}: {} names", names.len());
    }
    let listed = fs::read_to_string(&path).with_context(|| format!("{LIST} can't be read"))?;
    if let Some(difference) = difference(&listed, &names) {
        bail!(
            "the public names differ from {LIST}:\n{difference}\
             if that is intended, run `cargo xtask api --fix`, commit the list, and name the \
             change in CHANGELOG.md"
        );
    }
    ensure!(bare.is_empty(), "these public items have no example:\n  {}", bare.join("\n  "));
    Ok(())
}

/// Reads the names of a library from the folder of its pages. Items without an example go into
/// `bare`.
fn read(
    folder: &Path,
    library: &str,
    names: &mut BTreeSet<String>,
    bare: &mut Vec<String>,
) -> Result<()> {
    let page = |file: &str| {
        let path = folder.join(file);
        fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))
    };
    for (file, kind) in items(&page("all.html")?) {
        let text = page(&file)?;
        let item = format!("{library}::{}", path_of(&file));
        names.insert(format!("{item} ({kind})"));
        // The page of an alias shows the members of the type that it is for.
        if kind != "type" {
            names.extend(members(&text).map(|(name, kind)| format!("{item}::{name} ({kind})")));
        }
        // A constant's page shows its value.
        if kind != "constant" && !text.contains("class=\"example-wrap\"") {
            bare.push(item);
        }
    }
    Ok(())
}

/// Returns the pages of all items that a crate's `all.html` lists, each with its kind.
fn items(all: &str) -> Vec<(String, String)> {
    let (_, content) = all.split_once("id=\"main-content\"").unwrap_or_default();
    let links = content.split("<a href=\"").skip(1).filter_map(|link| link.split('"').next());
    let items = links.filter_map(|file| {
        let (kind, _) = file.rsplit('/').next()?.split_once('.')?;
        (file.ends_with(".html") && !kind.is_empty()).then(|| (file.to_owned(), kind.to_owned()))
    });
    items.collect()
}

/// Returns the path of an item from its page: `list::Line` for `list/struct.Line.html`.
fn path_of(file: &str) -> String {
    let (modules, name) = file.rsplit_once('/').map_or(("", file), |(path, name)| (path, name));
    let name = name.trim_end_matches(".html").split_once('.').map_or(name, |(_, name)| name);
    let segments = modules.split('/').filter(|module| !module.is_empty()).chain([name]);
    segments.collect::<Vec<_>>().join("::")
}

/// Returns the members that the page of an item shows, without those of its traits.
fn members(page: &str) -> impl Iterator<Item = (String, &'static str)> {
    let tags = page.split(" id=\"").skip(1);
    tags.filter_map(|tag| {
        let (id, rest) = tag.split_once('"')?;
        let class = rest.split('>').next()?;
        if class.contains("trait-impl") {
            return None;
        }
        let (prefix, kind) = MEMBERS.iter().find(|(prefix, _)| id.starts_with(prefix))?;
        let name = id.strip_prefix(prefix)?;
        match name.split_once('.') {
            None => Some((name.to_owned(), *kind)),
            // A field of a variant; what else has a dot is a heading.
            Some((variant, field)) => {
                Some((format!("{variant}::{}", field.strip_prefix("field.")?), "field"))
            }
        }
    })
}

/// Returns the names that were added and removed, a line each; `None` if both are the same.
fn difference(listed: &str, names: &BTreeSet<String>) -> Option<String> {
    let listed: BTreeSet<&str> = listed.lines().collect();
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let added = names.difference(&listed).map(|name| format!("  added    {name}\n"));
    let removed = listed.difference(&names).map(|name| format!("  removed  {name}\n"));
    let lines: String = added.chain(removed).collect();
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as rustdoc writes it, with what matters here.
    const PAGE: &str = r#"
        <section id="main-content" class="content">
        <span id="structfield.rows" class="structfield section-header">
        <section id="variant.Wide" class="variant">
        <div id="variant.Wide.fields" class="sub-variant">
        <span id="variant.Wide.field.columns" class="section-header">
        <section id="method.draw" class="method">
        <section id="tymethod.before" class="method">
        <section id="impl-Debug-for-Table" class="impl">
        <section id="method.fmt" class="method trait-impl">
        <section id="associatedtype.Error" class="associatedtype trait-impl">"#;

    #[test]
    fn the_members_of_an_item_are_listed_without_those_of_its_traits() {
        let members: Vec<_> = members(PAGE).collect();
        let expected = [
            ("rows", "field"),
            ("Wide", "variant"),
            ("Wide::columns", "field"),
            ("draw", "fn"),
            ("before", "fn"),
        ];
        assert_eq!(members, expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn an_item_is_named_by_its_path() {
        let all = r#"<a href="index.html"><section id="main-content"><ul>
            <li><a href="struct.Bench.html">Bench</a></li>
            <li><a href="list/enum.Order.html">list::Order</a></li></ul>"#;
        let paths: Vec<_> =
            items(all).iter().map(|(file, kind)| format!("{} ({kind})", path_of(file))).collect();
        assert_eq!(paths, ["Bench (struct)", "list::Order (enum)"]);
    }

    #[test]
    fn an_added_and_a_removed_name_are_each_a_line() {
        let names = BTreeSet::from(["a::B (struct)".to_owned(), "a::C (enum)".to_owned()]);
        assert_eq!(difference("a::B (struct)\na::C (enum)\n", &names), None);
        let lines = difference("a::A (fn)\na::B (struct)\n", &names);
        assert_eq!(lines.as_deref(), Some("  added    a::C (enum)\n  removed  a::A (fn)\n"));
    }
}
