//! A run that is played twice: on one host with all workers, and on several hosts, each with its own
//! clock. The records of the hosts must make the result of the one host, to the last digit.

mod script;
mod verdicts;

use dyno_summary::{Environment, Summary};
use proptest::prelude::*;

use self::script::{Script, play};
use super::*;
use crate::plan::OnBacklog;
use crate::result::summary_of;

/// Returns the records of all hosts, written and read back.
fn records(script: &Script) -> Vec<HostRecord> {
    let of_host = |host: usize| {
        let run = play(script, Some(host));
        let record = run.record.expect("a share keeps its record");
        let mut record = HostRecord::from_bytes(&record).expect("it was just written");
        record.name = format!("h{host}");
        let bytes = record.to_bytes().expect("it is short");
        let mut record = HostRecord::from_bytes(&bytes).expect("it was just written");
        record.source = format!("folder {host}");
        record
    };
    (0..script.hosts.len()).map(of_host).collect()
}

/// Returns the summary of a run, without what names single hosts.
fn summary(mut run: Run) -> Summary {
    let mut summary = summary_of(&mut run, &[], Environment::default());
    let is_of_host = |sentence: &String| sentence.starts_with("host ");
    summary.reasons.retain(|reason| !is_of_host(reason));
    summary.warnings.retain(|warning| !is_of_host(warning));
    summary.hosts.clear();
    summary.hint.clear();
    summary
}

fn scripts() -> impl Strategy<Value = Script> {
    let hosts = prop::collection::vec(1..5_u32, 1..5);
    let policy = prop::sample::select(vec![OnBacklog::Stop, OnBacklog::Queue]);
    (hosts, 20..200_u32, 1..30_u64, any::<u64>(), policy, any::<bool>()).prop_map(
        |(hosts, rate, service_ms, seed, on_backlog, is_profile)| Script {
            hosts,
            rate: f64::from(rate),
            service_ms,
            seed,
            on_backlog,
            is_profile,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_records_of_the_hosts_make_the_result_of_one_host(
        script in scripts(),
        turn in 0..4_usize,
    ) {
        let whole = summary(play(&script, None));
        let mut records = records(&script);
        let hosts = records.len();
        records.rotate_left(turn % hosts);
        let merged = merge(records).expect("they are of one run");
        prop_assert_eq!(merged.hosts.len(), hosts);
        let merged = summary(merged);
        prop_assert_eq!(&merged.metrics, &whole.metrics);
        prop_assert_eq!(&merged.thresholds, &whole.thresholds);
        prop_assert_eq!(&merged.reasons, &whole.reasons);
        prop_assert_eq!(merged, whole);
    }
}

fn script() -> Script {
    Script {
        hosts: vec![2, 1],
        rate: 60.0,
        service_ms: 5,
        seed: 3,
        on_backlog: OnBacklog::Stop,
        is_profile: false,
    }
}

fn refusal(records: Vec<HostRecord>) -> String {
    merge(records).expect_err("they are not of one run").to_string()
}

#[test]
fn records_that_are_not_of_one_run_are_refused_by_their_folders() {
    let both = records(&script());
    let [one, other] = &both[..] else { panic!("two hosts") };
    assert_eq!(refusal(vec![]), "nothing to merge: name the folder of each host");
    assert_eq!(
        refusal(vec![one.clone()]),
        "the record of host 1 of 2 is missing: name its folder too"
    );
    assert_eq!(
        refusal(vec![other.clone(), one.clone(), other.clone()]),
        "folder 1 and folder 1 are both of host 1: name one folder for each host"
    );
    let different = |change: fn(&mut HostRecord)| {
        let mut changed = other.clone();
        change(&mut changed);
        refusal(vec![changed, one.clone()])
    };
    let of = "folder 0 and folder 1 are not of one run: ";
    for (change, difference) in [
        (
            (|record| record.plan.benchmark = "shop".into()) as fn(&mut HostRecord),
            "the benchmark is `test` in one and `shop` in the other",
        ),
        (
            |record| record.plan.rate = crate::plan::Rate::PerSecond(70.0),
            "the plan is `rate 60/s` in one and `rate 70/s` in the other",
        ),
        (
            |record| record.environment.dyno = "9.9.9".into(),
            "the version of dyno is `` in one and `9.9.9` in the other",
        ),
        (|record| record.program = 7, "they ran programs that were built differently"),
    ] {
        assert_eq!(different(change), format!("{of}{difference}"));
    }
    // A seed without random arrivals is that of the tasks alone.
    let mut seeded = [one.clone(), other.clone()];
    seeded[1].plan.seed = 4;
    assert!(merge(seeded.to_vec()).is_ok());
    seeded.iter_mut().for_each(|record| record.plan.arrivals = crate::plan::Arrivals::Poisson);
    assert_eq!(
        refusal(seeded.to_vec()),
        format!("{of}the seed is `3` in one and `4` in the other")
    );
}

#[test]
fn a_record_that_is_cut_or_foreign_or_of_another_version_is_refused() {
    let record = records(&script()).remove(0);
    let bytes = record.to_bytes().unwrap();
    let refusal = |bytes: &[u8]| HostRecord::from_bytes(bytes).unwrap_err().to_string();
    assert!(refusal(&bytes[..bytes.len() / 2]).starts_with("it is damaged ("));
    assert!(refusal(&[&bytes[..], b"x"].concat()).starts_with("it is damaged ("));
    let foreign = "it is not the record of a host: name the folder of a run with --share";
    assert_eq!(refusal(b""), foreign);
    assert_eq!(refusal(b"{}\n"), foreign);
    let newer = [b"dyno host record 2 dyno 9.0.0\n", &bytes[bytes.len() - 9..]].concat();
    assert!(refusal(&newer).starts_with("it is of dyno 9.0.0, and this is dyno "));
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(place in 0..4_000_usize, byte in any::<u8>(), cut in 0..8_000_usize) {
        static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let script = Script { hosts: vec![1], ..script() };
        let bytes = BYTES.get_or_init(|| records(&script)[0].to_bytes().unwrap());
        let mut bytes = bytes.clone();
        let last = bytes.len() - 1;
        bytes[place.min(last)] = byte;
        if cut < place {
            bytes.truncate(cut.max(40));
        }
        if let Ok(record) = HostRecord::from_bytes(&bytes) {
            let _merged = merge(vec![record]).map(summary);
        }
    }
}

/// The records of 100 hosts with 16 workers each: the time and the memory of their merge. `cargo test
/// --release -p dyno-bench --lib -- --ignored --nocapture a_hundred_hosts` prints both.
#[test]
#[ignore = "it takes a minute, and its figures are of a release build"]
fn a_hundred_hosts_of_sixteen_workers_are_merged() {
    let script = Script { hosts: vec![16; 100], rate: 100_000.0, service_ms: 10, ..script() };
    let bytes: Vec<_> = (0..script.hosts.len())
        .map(|host| play(&script, Some(host)).record.expect("a share keeps its record"))
        .collect();
    let size: usize = bytes.iter().map(Vec::len).sum();
    // The most memory so far is forgotten, so that what the merge needs is seen.
    std::fs::write("/proc/self/clear_refs", "5").expect("of this process");
    let before = peak_kib("VmRSS:");
    let begun = dyno_bus::clock::now();
    let records = bytes.iter().map(|bytes| HostRecord::from_bytes(bytes).expect("just written"));
    let mut run = merge(records.collect()).expect("they are of one run");
    let summary = summary_of(&mut run, &[], Environment::default());
    let took = dyno_bus::clock::now() - begun;
    let memory = peak_kib("VmHWM:").saturating_sub(before);
    assert_eq!((summary.hosts.len(), summary.workers.len()), (100, 1_600));
    println!(
        "{} cycles in records of {:.1} MB: merged in {took:.2?} with {:.1} MB more",
        summary.cycles.issued,
        size as f64 / 1e6,
        memory as f64 * 1_024.0 / 1e6,
    );
    assert!(memory * 1_024 < 256_000_000, "{memory} KiB");
}

/// Returns a number of this process's status, in KiB.
fn peak_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a known name");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
