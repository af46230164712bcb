//! The keys that a manifest gains for a benchmark. Pure: text in, text out.
//!
//! Only missing keys are added; comments, order and blanks stay as they are. A key that exists
//! keeps its value: a `bench = true` is the user's choice.

use anyhow::{Context, bail};
use toml_edit::{
    Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value,
};

/// The comment that explains why the library and the binaries get `bench = false`. It is written
/// once, at the first of them.
const WHY_NO_BENCH: &str = "\
# `cargo bench` gives its flags to every target, and libtest refuses those of a benchmark.\n";

/// The keys that the manifest is to have.
#[derive(Debug, Default)]
pub(super) struct Additions {
    /// The benchmark: a bench target with its own `main`.
    pub(super) bench: String,
    /// `true` if the package has a library, which plain `cargo bench` is to leave out.
    pub(super) lib: bool,
    /// The package's binaries, which plain `cargo bench` is to leave out too.
    pub(super) bins: Vec<String>,
    /// The benchmark's edition, where the package's is too old for it.
    pub(super) edition: Option<&'static str>,
    /// The development dependencies that the benchmark uses.
    pub(super) dependencies: Vec<Dependency>,
}

/// A package that the benchmark uses, and that it can't use with the manifest as it is.
#[derive(Debug)]
pub(super) struct Dependency {
    /// Its key in the manifest.
    pub(super) key: String,
    /// The source, unless another table of the manifest has the package: a package has one source.
    pub(super) source: InlineTable,
    /// The features that the benchmark needs.
    pub(super) features: &'static [&'static str],
}

/// The manifest after the additions.
#[derive(Debug)]
pub(super) struct Edited {
    pub(super) text: String,
    /// The additions that were made, each in a few words.
    pub(super) additions: Vec<String>,
}

/// Adds the keys that are missing.
///
/// # Errors
/// If the text is not TOML, or has something else where a table belongs.
pub(super) fn edit(text: &str, additions: &Additions) -> anyhow::Result<Edited> {
    let mut manifest: DocumentMut = text.parse().context("not valid TOML")?;
    let mut end = LastTable::of(&mut manifest);
    let mut added = Vec::new();
    let bench = target(&mut manifest, &mut end, "bench", &additions.bench)?;
    bench.keys.insert("harness", value(false));
    if let Some(edition) = additions.edition {
        bench.keys.insert("edition", value(edition));
    }
    added.push(format!("[[bench]] {}", additions.bench));

    let mut why = Some(WHY_NO_BENCH);
    if additions.lib && no_bench(table(&mut manifest, &mut end, "lib")?, &mut why) {
        added.push("[lib] bench = false".to_owned());
    }
    for bin in &additions.bins {
        if no_bench(target(&mut manifest, &mut end, "bin", bin)?, &mut why) {
            added.push(format!("[[bin]] {bin} bench = false"));
        }
    }
    for Dependency { key, source, features } in &additions.dependencies {
        let mut source = elsewhere(&manifest, key).unwrap_or_else(|| source.clone());
        let dependencies = table(&mut manifest, &mut end, "dev-dependencies")?.keys;
        if let Some(existing) = dependencies.get_mut(key) {
            if features.is_empty() {
                continue;
            }
            let gained = add_features(as_table(existing)?, features)?;
            if !gained.is_empty() {
                added.push(format!("[dev-dependencies] {key} features {}", gained.join(" ")));
            }
        } else {
            add_features(&mut source, features)?;
            dependencies.insert(key, value(source));
            added.push(format!("[dev-dependencies] {key}"));
        }
    }
    manifest.set_trailing(end.comments);
    Ok(Edited { text: with_line_ends_of(text, &manifest.to_string()), additions: added })
}

/// Returns `text` with the line ends of most lines of `original`.
fn with_line_ends_of(original: &str, text: &str) -> String {
    let (all, returns) = (original.matches('\n').count(), original.matches("\r\n").count());
    let plain = text.replace("\r\n", "\n");
    if returns * 2 > all { plain.replace('\n', "\r\n") } else { plain }
}

/// Returns the source of a package that the manifest names outside of its `[dev-dependencies]`.
fn elsewhere(manifest: &DocumentMut, key: &str) -> Option<InlineTable> {
    let targets = manifest.get("target").and_then(Item::as_table_like);
    let targets = targets.into_iter().flat_map(|targets| targets.iter());
    let tables = std::iter::once(manifest.as_item()).chain(targets.map(|(_, target)| target));
    let found = tables.flat_map(|table| {
        ["dependencies", "dev-dependencies"]
            .map(|kind| table.as_table_like()?.get(kind)?.as_table_like()?.get(key))
    });
    let found = found.flatten().next()?;
    if let Some(version) = found.as_str() {
        return Some(InlineTable::from_iter([("version", version)]));
    }
    // A development dependency is never optional.
    let keys = found.as_table_like()?.iter().filter(|(key, _)| *key != "optional");
    keys.map(|(key, item)| {
        let mut value = item.clone().into_value().ok()?;
        value.decor_mut().clear();
        Some((key.to_owned(), value))
    })
    .collect()
}

/// Returns a dependency as a table; turns a version alone into one.
fn as_table(dependency: &mut Item) -> anyhow::Result<&mut dyn TableLike> {
    if let Some(Value::String(version)) = dependency.as_value() {
        let mut table = InlineTable::from_iter([("version", version.value().as_str())]);
        *table.decor_mut() = version.decor().clone();
        *dependency = Item::Value(Value::InlineTable(table));
    }
    let found = dependency.type_name();
    dependency
        .as_table_like_mut()
        .with_context(|| format!("a dependency is neither a version nor a table, but {found}"))
}

/// Adds features to a dependency; returns those that it did not have.
fn add_features<'a>(
    dependency: &mut dyn TableLike,
    features: &[&'a str],
) -> anyhow::Result<Vec<&'a str>> {
    let mut gained = features.to_vec();
    match dependency.get_mut("features") {
        Some(item) => {
            let array =
                item.as_array_mut().context("`features` of a dependency is not an array")?;
            gained.retain(|feature| !array.iter().any(|has| has.as_str() == Some(*feature)));
            array.extend(gained.iter().copied());
        }
        None if features.is_empty() => {}
        None => {
            let array: Array = features.iter().copied().collect();
            dependency.insert("features", value(array));
        }
    }
    Ok(gained)
}

/// A table to add keys to.
struct TablePlace<'a> {
    keys: &'a mut dyn TableLike,
    style: Style,
}

/// The layout of a table: only a key with a line to itself has room for a comment above it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Lines,
    Inline,
}

/// The end of the file, where new tables go, one after the other.
struct LastTable {
    /// The position of the last table, the new ones included.
    position: isize,
    /// The position of the table that was the last one at first, if comments follow it.
    commented: Option<isize>,
    /// The comments after the last key of that table, which have to stay there.
    comments: String,
}

impl LastTable {
    fn of(manifest: &mut DocumentMut) -> Self {
        let comments = manifest.trailing().as_str().unwrap_or_default().to_owned();
        let position = last_position(manifest.as_table());
        let commented = (!comments.trim().is_empty()).then_some(position);
        Self { position, commented, comments }
    }

    /// Gives a table its position at the end, and the comments there to print before it.
    fn take(&mut self, mut table: Table) -> Table {
        self.position += 1;
        table.set_position(Some(self.position));
        let comments = std::mem::take(&mut self.comments);
        if !comments.trim().is_empty() {
            table.decor_mut().set_prefix(format!("{}\n\n", comments.trim_end()));
        }
        table
    }

    /// Returns `true` if a table after this one would come between it and its comments.
    fn is_commented(&self, table: &Table) -> bool {
        self.commented.is_some_and(|position| last_position(table) >= position)
    }
}

/// Returns the position of the last table, at any depth.
fn last_position(table: &Table) -> isize {
    let below = table.iter().flat_map(|(_, item)| match item {
        Item::Table(table) => vec![last_position(table)],
        Item::ArrayOfTables(tables) => tables.iter().map(last_position).collect(),
        Item::None | Item::Value(_) => Vec::new(),
    });
    below.chain(table.position()).max().unwrap_or(0)
}

/// Returns the table of that name. If it is missing, it is made, at the end.
fn table<'a>(
    manifest: &'a mut DocumentMut,
    end: &mut LastTable,
    name: &str,
) -> anyhow::Result<TablePlace<'a>> {
    let item = manifest.entry(name).or_insert_with(|| Item::Table(end.take(Table::new())));
    let found = item.type_name();
    let is_lines = item.as_table().is_some_and(|table| !table.is_dotted());
    let style = if is_lines { Style::Lines } else { Style::Inline };
    item.as_table_like_mut()
        .map(|keys| TablePlace { keys, style })
        .with_context(|| format!("`{name}` is not a table but of type {found}"))
}

/// Returns the entry of a target in `[[bench]]` or `[[bin]]`. If it is missing, it is made: after
/// the other entries of its kind, or at the end.
fn target<'a>(
    manifest: &'a mut DocumentMut,
    end: &mut LastTable,
    kind: &str,
    name: &str,
) -> anyhow::Result<TablePlace<'a>> {
    let is_named = |entry: &dyn TableLike| entry.get("name").and_then(Item::as_str) == Some(name);
    match manifest.entry(kind).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new())) {
        Item::ArrayOfTables(tables) => {
            let found = tables.iter().position(|table| is_named(table));
            let index = found.unwrap_or(tables.len());
            if found.is_none() {
                let entry = Table::from_iter([("name", name)]);
                let to_end = tables.iter().last().is_none_or(|last| end.is_commented(last));
                // A table without a position is printed after the one before it.
                tables.push(if to_end { end.take(entry) } else { entry });
            }
            let keys = tables.get_mut(index).expect("it is there or has just been pushed");
            Ok(TablePlace { keys, style: Style::Lines })
        }
        Item::Value(Value::Array(array)) => {
            let found = array
                .iter()
                .position(|entry| entry.as_inline_table().is_some_and(|entry| is_named(entry)));
            let index = found.unwrap_or(array.len());
            if found.is_none() {
                array.push(InlineTable::from_iter([("name", name)]));
            }
            let entry = array.get_mut(index).and_then(Value::as_inline_table_mut);
            let keys = entry.expect("it is there or has just been pushed");
            Ok(TablePlace { keys, style: Style::Inline })
        }
        other => bail!("`{kind}` is not an array of tables but of type {}", other.type_name()),
    }
}

/// Leaves a target out of plain `cargo bench`, unless its `bench` is set already. Returns `true` if
/// the key was added.
fn no_bench(target: TablePlace<'_>, why: &mut Option<&str>) -> bool {
    if target.keys.contains_key("bench") {
        return false;
    }
    target.keys.insert("bench", value(false));
    if target.style == Style::Lines
        && let Some(mut key) = target.keys.key_mut("bench")
        && let Some(why) = why.take()
    {
        key.leaf_decor_mut().set_prefix(why);
    }
    true
}

#[cfg(test)]
mod tests;
