//! Manifests after the additions for a benchmark.

use super::*;

fn additions() -> Additions {
    Additions {
        bench: "io".to_owned(),
        dependencies: vec![dependency("dyno-bench", &[])],
        ..Additions::default()
    }
}

fn dependency(key: &str, features: &'static [&'static str]) -> Dependency {
    let source = InlineTable::from_iter([("path", "/dyno")]);
    Dependency { key: key.to_owned(), source, features }
}

fn edited(text: &str, additions: &Additions) -> String {
    let text = edit(text, additions).expect("valid").text;
    text.parse::<DocumentMut>().expect("still valid");
    text
}

#[test]
fn comments_order_and_blanks_are_kept() {
    let text = "\
# What this is.
[package]
name    = \"a\"   # aligned
version = \"1.0.0\"


[dev-dependencies]
# Zebra before ant, on purpose.
zebra = \"1\"
ant = { version = \"2\" } # no comment

[features]
# Nothing here.
";
    assert_eq!(
        edited(text, &additions()),
        "\
# What this is.
[package]
name    = \"a\"   # aligned
version = \"1.0.0\"


[dev-dependencies]
# Zebra before ant, on purpose.
zebra = \"1\"
ant = { version = \"2\" } # no comment
dyno-bench = { path = \"/dyno\" }

[features]
# Nothing here.

[[bench]]
name = \"io\"
harness = false
"
    );
}

#[test]
fn comments_at_the_end_stay_with_the_table_that_they_end() {
    let text = "[package]\nname = \"a\"\n\n[[bench]]\nname = \"x\"\n# y = 1\n\n# The end.\n";
    let edited = edited(text, &additions());
    let added = edited.strip_prefix(text).expect("all that was there");
    assert_eq!(
        added,
        "\n[[bench]]\nname = \"io\"\nharness = false\n\n\
         [dev-dependencies]\ndyno-bench = { path = \"/dyno\" }\n"
    );
}

#[test]
fn library_and_binaries_are_left_out_of_plain_cargo_bench() {
    let text = "\
[package]
name = \"a\"

[lib]
# The library.
doctest = false

[[bin]]
name = \"a\"
path = \"main.rs\"
";
    let additions =
        Additions { lib: true, bins: vec!["a".to_owned(), "b".to_owned()], ..additions() };
    assert_eq!(
        edited(text, &additions),
        format!(
            "\
[package]
name = \"a\"

[lib]
# The library.
doctest = false
{WHY_NO_BENCH}bench = false

[[bin]]
name = \"a\"
path = \"main.rs\"
bench = false

[[bin]]
name = \"b\"
bench = false

[[bench]]
name = \"io\"
harness = false

[dev-dependencies]
dyno-bench = {{ path = \"/dyno\" }}
"
        )
    );
}

#[test]
fn lines_that_the_manifest_has_already_are_kept() {
    let text = "\
[package]
name = \"a\"
[lib]
bench = true
[dev-dependencies]
dyno-bench = \"9\"
";
    let edited = edit(text, &Additions { lib: true, ..additions() }).expect("valid");
    assert_eq!(edited.text, format!("{text}\n[[bench]]\nname = \"io\"\nharness = false\n"));
    assert_eq!(edited.additions, ["[[bench]] io"]);
}

#[test]
fn a_package_that_the_manifest_names_keeps_its_source_and_gains_what_the_benchmark_needs() {
    let text = "\
[package]
name = \"a\"

[dependencies]
dyno-bench = { git = \"g\", default-features = false, optional = true }

[target.'cfg(windows)'.dependencies]
redis = \"0.9\"

[dev-dependencies]
serde = \"1.0.7\" # Why.
ant.workspace = true
bee = { version = \"3\", features = [\"x\"] }
";
    let dependencies = vec![
        dependency("dyno-bench", &["cli"]),
        dependency("redis", &["aio", "tokio-comp"]),
        dependency("serde", &["derive"]),
        dependency("ant", &["sting"]),
        dependency("bee", &["x", "y"]),
    ];
    let edited = edit(text, &Additions { dependencies, ..additions() }).expect("valid");
    let (_, gained) = edited.text.split_once("[dev-dependencies]\n").expect("it is there");
    assert_eq!(
        gained,
        "\
serde = { version = \"1.0.7\", features = [\"derive\"] } # Why.
ant.workspace = true
ant.features = [\"sting\"]
bee = { version = \"3\", features = [\"x\", \"y\"] }
dyno-bench = { git = \"g\", default-features = false, features = [\"cli\"] }
redis = { version = \"0.9\", features = [\"aio\", \"tokio-comp\"] }

[[bench]]
name = \"io\"
harness = false
"
    );
    let additions = [
        "[[bench]] io",
        "[dev-dependencies] dyno-bench",
        "[dev-dependencies] redis",
        "[dev-dependencies] serde features derive",
        "[dev-dependencies] ant features sting",
        "[dev-dependencies] bee features y",
    ];
    assert_eq!(edited.additions, additions);
}

#[test]
fn line_ends_are_those_of_the_manifest() {
    let text = "# Mine.\r\n[package]\r\nname = \"a\"\r\n\r\n[dependencies]\r\n# No, none.\r\n";
    let edited = edited(text, &additions());
    assert!(edited.starts_with(text), "{edited:?}");
    assert_eq!(edited.matches('\n').count(), edited.matches("\r\n").count(), "{edited:?}");
    assert!(edited.contains("harness = false\r\n"), "{edited:?}");
}

#[test]
fn other_spellings_of_the_same_tables_are_understood() {
    let text = "\
lib = { doctest = false }
bin = [{ name = \"a\" }]
bench = []
dev-dependencies.ant = \"1\"
package.name = \"a\"
";
    let additions =
        Additions { lib: true, bins: vec!["a".to_owned(), "b".to_owned()], ..additions() };
    let text = edited(text, &additions);
    let manifest: DocumentMut = text.parse().expect("valid");
    assert_eq!(manifest["lib"]["bench"].as_bool(), Some(false));
    assert_eq!(manifest["bin"][0]["bench"].as_bool(), Some(false));
    assert_eq!(manifest["bin"][1]["name"].as_str(), Some("b"));
    assert_eq!(manifest["bench"][0]["harness"].as_bool(), Some(false));
    assert_eq!(manifest["dev-dependencies"]["dyno-bench"]["path"].as_str(), Some("/dyno"));
    assert_eq!(manifest["dev-dependencies"]["ant"].as_str(), Some("1"));
}

#[test]
fn a_dependency_in_its_own_table_is_found() {
    let text = "[package]\nname = \"a\"\n\n[dev-dependencies.ant]\nversion = \"1\"\n";
    let manifest: DocumentMut = edited(text, &additions()).parse().expect("valid");
    assert_eq!(manifest["dev-dependencies"]["dyno-bench"]["path"].as_str(), Some("/dyno"));
    assert_eq!(manifest["dev-dependencies"]["ant"]["version"].as_str(), Some("1"));
}

#[test]
fn an_entry_that_should_be_a_table_is_named() {
    let refused = |text| format!("{:#}", edit(text, &additions()).expect_err("refused"));
    assert_eq!(refused("bench = 3"), "`bench` is not an array of tables but of type integer");
    assert_eq!(
        refused("dev-dependencies = 3"),
        "`dev-dependencies` is not a table but of type integer"
    );
    assert!(refused("[package\n").starts_with("not valid TOML"));
}
