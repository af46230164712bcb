//! Tests of arrows that point the right way and the wrong way, in every spelling.

use super::*;

fn flat(code: &str) -> Vec<String> {
    paths(&Source::new(code).code).into_iter().map(|(_, path)| path).collect()
}

fn count(file: &str, text: &str) -> usize {
    let aliases = aliases(&Source::new(
        "mod verdict;\nmod plan;\npub use verdict::Verdict;\npub use plan::{Plan as P};\n",
    ));
    wrong_modules(file, &Source::new(text), &aliases).len()
}

#[test]
fn a_use_tree_is_all_its_paths() {
    assert_eq!(flat("use a::b;"), ["a::b"]);
    assert_eq!(
        flat("pub(crate) use a::{b, c::{self, d as e}, f::*};"),
        ["a::b", "a::c", "a::c::d", "a::f::*"]
    );
    assert_eq!(
        flat("use a::{\n    b,\n    c::d,\n};\nlet e = f::g(h);"),
        ["a::b", "a::c::d", "f::g"]
    );
    assert_eq!(flat("fn a() -> impl B + use<'_> { c::d() }"), ["c::d"]);
}

#[test]
fn crates_point_one_way() {
    assert!(wrong_crates("dyno-emitter", &["dyno-bus", "serde"]).is_empty());
    assert!(wrong_crates("cargo-dyno", &["dyno-bench"]).is_empty());
    assert!(wrong_crates("xtask", &["dyno-bench", "dyno-bus"]).is_empty());
    assert_eq!(
        wrong_crates("dyno-bus", &["dyno-emitter"]),
        ["dyno-bus depends on dyno-emitter: the arrows forbid it"]
    );
    assert_eq!(wrong_crates("dyno-observer", &["dyno-emitter"]).len(), 1);
    assert_eq!(wrong_crates("dyno-bench", &["cargo-dyno"]).len(), 1);
    assert_eq!(wrong_crates("dyno-emitter", &["hdrhistogram"]).len(), 1);
}

#[test]
fn modules_point_one_way() {
    for (file, text) in [
        ("worker/state.rs", "use crate::task::Task;\nuse super::pace;"),
        ("primary.rs", "mod state;\nuse crate::plan::Plan;"),
        ("report/table.rs", "use crate::primary::Plan; // crate::worker"),
        ("bench.rs", "use crate::{primary, result, worker};"),
        ("cli/args.rs", "use crate::{bench, report, worker};"),
        ("worker.rs", "use super::task::Task;\nconst A: &str = \"crate::primary::a\";"),
        ("worker/slots/tests.rs", "use super::*;\nuse super::super::primary;"),
    ] {
        assert_eq!(count(file, text), 0, "{file}: {text}");
    }
    for (file, text) in [
        ("worker/state.rs", "use crate::primary::Plan;"),
        ("worker/state.rs", "use crate::{task, primary::{self}};"),
        ("worker/state.rs", "use super::super::primary;"),
        ("worker.rs", "fn a() { super::primary::run() }"),
        ("worker/bus.rs", "use crate::Verdict;"),
        ("worker/bus.rs", "fn a(b: crate::Plan) {}"),
        ("primary/driver.rs", "fn a() { crate::worker::b() }"),
        ("verdict.rs", "use crate::report::Table;"),
        ("task.rs", "use crate::worker;"),
        ("report/live.rs", "use crate::worker::probe;"),
        ("bench.rs", "use crate::cli::args;"),
        ("unlisted.rs", "use std::fmt;"),
    ] {
        assert_eq!(count(file, text), 1, "{file}: {text}");
    }
}

#[test]
fn an_arrow_that_a_module_refuses_is_found() {
    let count = |file: &str, text: &str| refused(file, &Source::new(text)).len();
    let (observer, primary, report) = (
        "crates/dyno-observer/src/lib.rs",
        "crates/dyno/src/primary/driver.rs",
        "crates/dyno/src/report/log.rs",
    );
    assert_eq!(count(observer, "use dyno_bus::clock::{self, Time};\nuse std::time::Duration;"), 0);
    assert_eq!(count(observer, "let now = clock::now();"), 1);
    assert_eq!(count(observer, "use dyno_bus::clock::now;"), 1);
    assert_eq!(count(observer, "use std::fs::File;"), 1);
    assert_eq!(count(primary, "log(\"eprintln!\"); // println!\npretty_print!(a);"), 0);
    assert_eq!(count(primary, "eprintln!(\"a\");"), 1);
    assert_eq!(count("crates/dyno/src/primary/state/tests.rs", "println!(\"a\");"), 0);
    assert_eq!(count(report, "use dyno_bus::Command;\nlet a = Report::new();"), 0);
    assert_eq!(count(report, "use std::process::Command as C;"), 1);
    assert_eq!(count(report, "std::process::Command::new(a);"), 1);
    assert_eq!(count("crates/dyno-emitter/src/lib.rs", "clock::now(); println!();"), 0);
}
