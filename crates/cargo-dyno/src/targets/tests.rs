//! The choice of a target, and the errors if none or several match.

use super::*;

fn target(name: &str, kind: Kind, package: &str) -> Target {
    Target {
        name: name.to_owned(),
        kind,
        package: package.to_owned(),
        package_id: PackageId { repr: package.to_owned() },
        manifest_path: PathBuf::from(package),
        reach: Reach::Dyno,
        scope: Scope::Default,
    }
}

fn named(name: &str) -> Wanted<'_> {
    Wanted { name: Some(name), ..Wanted::default() }
}

fn refusal(targets: &[Target], wanted: &Wanted<'_>) -> String {
    choose(targets, wanted).expect_err("refused").to_string()
}

#[test]
fn without_a_name_the_only_benchmark_is_meant() {
    let stranger = Target { reach: Reach::NoDyno, ..target("server", Kind::Bin, "a") };
    let targets = [stranger, target("io", Kind::Bench, "a")];
    assert_eq!(choose(&targets, &Wanted::default()).expect("one"), &targets[1]);
}

#[test]
fn without_a_name_several_are_listed() {
    let targets = [target("io", Kind::Bench, "a"), target("fibonacci", Kind::Example, "a")];
    assert_eq!(
        refusal(&targets, &Wanted::default()),
        "which benchmark? Name one of these:\nio         bench    a\nfibonacci  example  a"
    );
}

#[test]
fn cargos_default_packages_come_first_and_the_others_are_found_too() {
    let elsewhere = |name| Target { scope: Scope::Elsewhere, ..target(name, Kind::Bench, "b") };
    let targets = [elsewhere("io"), target("io", Kind::Bench, "a"), elsewhere("far")];
    assert_eq!(choose(&targets, &named("io")).expect("one").package, "a");
    assert_eq!(choose(&targets, &named("far")).expect("one").package, "b");
    assert_eq!(choose(&targets, &Wanted::default()).expect("one").package, "a");
}

#[test]
fn a_name_of_two_kinds_of_target_is_refused_with_both() {
    let targets = [target("io", Kind::Bench, "a"), target("io", Kind::Example, "a")];
    assert_eq!(
        refusal(&targets, &named("io")),
        "`io` is bench of package `a` and example of package `a`: say which, with --bench, \
         --example, --bin or --package"
    );
    let example = Wanted { kind: Some(Kind::Example), ..named("io") };
    assert_eq!(choose(&targets, &example).expect("one").kind, Kind::Example);
}

#[test]
fn an_unknown_name_names_the_nearest_and_lists_those_that_exist() {
    let targets = [target("io", Kind::Bench, "a"), target("fibonacci", Kind::Example, "a")];
    assert_eq!(
        refusal(&targets, &named("fibonaci")),
        "no benchmark `fibonaci`; did you mean `fibonacci`? There are: fibonacci, io"
    );
    assert_eq!(refusal(&targets, &named("zz")), "no benchmark `zz`. There are: fibonacci, io");
    let bench = Wanted { kind: Some(Kind::Bench), ..named("fibonacci") };
    assert_eq!(refusal(&targets, &bench), "no bench `fibonacci`. There is only: io");
}

#[test]
fn a_target_without_dyno_is_refused_by_name() {
    let stranger = Target { reach: Reach::NoDyno, ..target("server", Kind::Bin, "a") };
    let line = refusal(&[stranger], &named("server"));
    assert!(line.starts_with("`server` (bin of package `a`) does not use dyno"), "{line}");
}

#[test]
fn a_workspace_without_benchmarks_says_how_to_start_one() {
    assert!(refusal(&[], &Wanted::default()).contains("`cargo dyno init`"));
    assert!(refusal(&[], &named("io")).contains("`cargo dyno init`"));
}
