//! The target for the observer and workers that lie: any message in any order is accepted as a
//! whole or refused with an error, and the accepted data can be counted, merged and listed.

#![no_main]

use dyno_bus::segment::{Arrivals, PerPhase};
use dyno_bus::timeline::CycleTimeline;
use dyno_bus::{Pace, Report, Time, codec};
use dyno_observer::{Observer, ProcessId, Stat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, Vec<(u8, Vec<u8>)>)| {
    let (is_closed, messages) = input;
    let pace = if is_closed {
        Pace::Closed { in_flight: 1 }
    } else {
        Pace::Open { rate: 100.0, arrivals: Arrivals::Uniform }
    };
    let mut observer = Observer::new(pace);
    observer.hello(ProcessId::Primary, 1).expect("the first");
    observer.hello(ProcessId::Worker(0), 2).expect("the first");
    observer.begin(Time::ZERO);
    for (who, bytes) in &messages {
        let worker = u32::from(who % 3);
        let process = ProcessId::Worker(worker);
        let Ok(report) = codec::decode::<Report>(bytes) else { continue };
        // The observer may accept or refuse; the test is only that it does not panic.
        match report {
            Report::Hello(hello) => drop(observer.hello(process, hello.pid)),
            Report::Declare(declare) => drop(observer.declare(process, &declare)),
            Report::Batch(batch) => {
                let before = observer.received(process).cloned();
                if observer.absorb(process, &batch).is_err() {
                    assert_eq!(observer.received(process).cloned(), before, "nothing of it");
                }
            }
            Report::Timeline(timeline) => drop(observer.timeline(worker, *timeline)),
            Report::Drained(drained) => {
                let counts = drained.counts;
                let issued =
                    PerPhase { warmup: counts.warmup.started, measured: counts.measured.started };
                if observer.drained(worker, issued, &drained).is_ok() {
                    let mut all = CycleTimeline::default();
                    observer.take_timelines(worker).iter().for_each(|one| all.merge(one));
                }
            }
            Report::Bye(bye) => drop(observer.verify(process, &bye.emitted)),
            Report::Failed(_) => {
                let issued = PerPhase { warmup: u64::from(*who), measured: 1_000 };
                drop(observer.died(worker, issued));
            }
            Report::Ready => drop(observer.rotate(Time::from_nanos(u64::from(*who)), |_| {})),
            Report::Notice(_) => drop(observer.list().pick(Stat::P99).to_string()),
        }
    }
    observer.rotate(Time::from_nanos(1_000), |_| {});
    let _sums = (observer.accounts(), observer.merged());
    for stat in [Stat::Mean, Stat::P99, Stat::Max, Stat::Count] {
        let _shown = observer.list().workers().pick(stat).to_string();
    }
});
