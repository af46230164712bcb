//! Tests of a run that several hosts share: each primary issues the cycles of the workers of its
//! host, and all of them together issue those of one host.

use crate::support::{BEHAVES, assert_says, benchmark};

#[test]
fn hosts_with_their_shares_issue_together_the_cycles_of_one_host() {
    let of = |line: &str| {
        let ended =
            benchmark(BEHAVES).args("-P how=nothing --rate 100 --duration 600ms").args(line);
        ended.run().summary()
    };
    let whole = of("--workers 3");
    let shares = [of("--share 0/2,1"), of("--share 1/2,1")];
    let numbers =
        shares.each_ref().map(|share| share.workers.iter().map(|w| w.index).collect::<Vec<_>>());
    assert_eq!(numbers, [vec![0, 2], vec![1]]);
    assert_eq!(shares.each_ref().map(|share| share.cycles.issued), [40, 20]);
    assert_eq!(whole.cycles.issued, 60);
    assert_eq!(shares[1].rate.asked.map(f64::round), Some(33.0));
    assert_eq!(shares[1].parameters.rate, Some(100.0));
    assert_eq!((shares[1].parameters.workers, whole.parameters.share), (1, None));
    assert_eq!(shares[1].parameters.share.as_deref(), Some("1/2,1"));
}

#[test]
fn a_share_that_can_not_be_run_is_refused_in_one_line() {
    for (line, expected) in [
        ("--share 3", "--share 3: expected `HOST/WORKERS,WORKERS`"),
        ("--share 2/1,1", "--share 2/1,1: there are 2 hosts, from 0 to 1"),
        ("--share 0/2,1 --workers 3", "--workers 3: the share `0/2,1` gives this host 2"),
        ("--share 0/2,1 --rate search", "--share 0/2,1: each host would choose its own next run"),
        ("--share 0/2,1 --repeat 2", "--share 0/2,1: each host would choose its own next run"),
    ] {
        let ended = benchmark(BEHAVES).args(line).run();
        assert_says(ended.refusal(), &[expected]);
    }
}
