//! `cargo dyno merge`: the shares of a run on two hosts, here two programs side by side, and their
//! result.

use std::process::{Command, Stdio};

use crate::workbench::{Ended, Workbench};

/// Runs the shares of two hosts at the same time, into the folders `a` and `b`.
fn run_shares(bench: &Workbench, flags: &str) {
    let share = |place: u32, out: &str| {
        let mut dyno = Command::new(env!("CARGO_BIN_EXE_cargo-dyno"));
        let line = format!("exec {flags} --share {place}/2,1 --out {out} -- true");
        dyno.args(line.split_whitespace()).current_dir(bench.path(""));
        dyno.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started")
    };
    for share in [share(0, "a"), share(1, "b")] {
        let output = share.wait_with_output().expect("it is our child");
        assert!(output.status.code().is_some(), "{output:?}");
    }
}

fn merged(ended: &Ended) -> dyno::Summary {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn two_shares_make_the_result_of_one_run() {
    let bench = Workbench::new();
    run_shares(&bench, "--rate 60 --duration 600ms --warmup 200ms --threshold response.max<9s");
    let of = |folder: &str| -> dyno::Summary {
        serde_json::from_str(&bench.read(&format!("{folder}/run.json"))).expect("a summary")
    };
    let shares = [of("a"), of("b")];
    let ended = bench.dyno("", "merge a b --format json --out all");
    let whole = merged(&ended);
    assert_eq!(ended.code, Some(whole.exit_code), "{ended:?}");
    assert_eq!((whole.cycles.issued, whole.warmup.issued), (36, 12), "{ended:?}");
    let sum = |of: fn(&dyno::Summary) -> u64| shares.iter().map(of).sum::<u64>();
    assert_eq!(whole.cycles.completed, sum(|share| share.cycles.completed));
    let response = |of: &dyno::Summary| of.metric("response").cloned().expect("open loop");
    assert_eq!(response(&whole).count, sum(|share| share.metrics["response"].count));
    let longest = shares.iter().map(|share| response(share).max).max();
    assert_eq!(Some(response(&whole).max), longest);
    let workers: Vec<_> = whole.workers.iter().map(|worker| worker.index).collect();
    assert_eq!((workers, whole.parameters.workers), (vec![0, 1, 2], 3));
    assert_eq!((whole.rate.asked, &whole.parameters.share), (Some(60.0), &None));
    let hosts: Vec<_> = whole.hosts.iter().map(|host| (host.workers, host.cycles.issued)).collect();
    assert_eq!(hosts, [(2, 24), (1, 12)]);
    assert!(whole.thresholds[0].met, "{ended:?}");
    // In any order, and again from the folder that it was kept in.
    assert_eq!(bench.dyno("", "merge b a --format json").stdout, ended.stdout);
    assert_eq!(bench.read("all/run.json"), ended.stdout);
    assert!(bench.read("all/report.html").contains("<svg"), "a page with charts");
    assert!(bench.dyno("", "merge a b").stdout.contains("exec"), "for people");
}

#[test]
fn folders_that_are_not_those_of_one_run_are_refused_by_name() {
    let bench = Workbench::new();
    run_shares(&bench, "--rate 60 --duration 100ms --warmup 0s");
    bench.write("empty/run.json", "{}");
    bench.write("foreign/agent.dyno", "{}\n");
    for (line, expected) in [
        ("merge a", "the record of host 1 of 2 is missing: name its folder too"),
        ("merge a a b", "`a` and `a` are both of host 0: name one folder for each host"),
        ("merge a empty", "`empty` has no agent.dyno: name the folder of a run with --share"),
        ("merge a foreign", "can't use `foreign/agent.dyno`: it is not the record of a host"),
        ("merge a b --out a", "--out a: name a folder that is not one of a host"),
    ] {
        let ended = bench.dyno("", line);
        assert!(ended.refusal().starts_with(expected), "{line}: {ended:?}");
    }
}
