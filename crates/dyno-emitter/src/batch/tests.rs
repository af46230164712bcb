//! Tests that an emitter emits all that was recorded, in each thread's order: for threads
//! that end at any time, and for the smallest rings.
//!
//! Tests that install the emitter take turns, because the installation belongs to the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use dyno_bus::value::{ABOVE, BELOW};

use super::*;
use crate::install::tests::alone;
use crate::{histogram, measure, measure_async};

/// All messages of an emitter, by the metric's name and the phase.
#[derive(Default)]
struct Received {
    batches: u64,
    names: Vec<String>,
    values: HashMap<(String, Phase), Vec<u64>>,
    cycles: Vec<(Phase, u64, u64)>,
    failed: Vec<(Phase, u64, u64)>,
}

impl Received {
    /// Collects all that waits, as a bus thread does.
    fn collect(&mut self, emitter: &mut Emitter, batch: &mut Batch) {
        let mut declare = Vec::new();
        loop {
            let collected = emitter.collect(batch, &mut declare);
            for declared in declare.drain(..) {
                assert_eq!(declared.metric as usize, self.names.len(), "counted from 0");
                self.names.push(declared.name);
            }
            self.absorb(batch, collected);
            if !collected.more {
                return;
            }
        }
    }

    fn absorb(&mut self, batch: &Batch, collected: Collected) {
        assert_eq!(batch.sequence, self.batches);
        self.batches += 1;
        let mut values = 0;
        let mut slots = 0;
        for column in &batch.columns {
            let name = self.names[column.metric as usize].clone();
            self.values.entry((name, column.phase)).or_default().extend(&column.values);
            assert!(!column.values.is_empty());
            values += column.values.len();
            slots += column.values.len();
        }
        for phase in [Phase::Warmup, Phase::Measured] {
            for (cycles, into) in
                [(&batch.cycles[phase], &mut self.cycles), (&batch.failed[phase], &mut self.failed)]
            {
                assert_eq!(cycles.wait.len(), cycles.service.len());
                let pairs = cycles.wait.iter().zip(&cycles.service);
                into.extend(pairs.map(|(wait, service)| (phase, *wait, *service)));
                values += cycles.wait.len() * 2;
                slots += cycles.wait.len();
            }
        }
        assert!(values <= BATCH_VALUES_MAX);
        assert_eq!(slots, collected.values);
    }

    fn of(&self, name: &str, phase: Phase) -> &[u64] {
        self.values.get(&(name.to_owned(), phase)).map_or(&[], Vec::as_slice)
    }

    /// Checks that the received numbers equal those that the emitter reports.
    fn verify(&self, emitter: &Emitter) {
        let emitted = emitter.emitted();
        assert_eq!(emitted.batches, self.batches);
        assert_eq!(emitted.cycles, (self.cycles.len() + self.failed.len()) as u64);
        for (name, count) in self.names.iter().zip(&emitted.values) {
            let received =
                self.of(name, Phase::Warmup).len() + self.of(name, Phase::Measured).len();
            assert_eq!(received as u64, *count, "{name}");
        }
        assert_eq!(emitted.values.len(), self.names.len());
    }
}

/// The longest that a test waits for a thread that has something to do.
const DEADLINE: Duration = Duration::from_secs(20);

/// A message to a test that acts as the bus thread.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Poke,
    ThreadEnded,
}

/// Returns an emitter that reports each poke, a sender for threads that end, and the receiver of
/// both.
fn poking(ring_slots: usize) -> (Emitter, mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
    let (sender, heard) = mpsc::channel();
    let ended = sender.clone();
    let poke = move || {
        // A test that no longer receives has all that it needs.
        let _sent = sender.send(Heard::Poke);
    };
    (Emitter::with_ring_slots(ring_slots, poke), ended, heard)
}

/// Starts a thread that reports its end.
fn recording(
    ended: &mpsc::Sender<Heard>,
    record: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    let ended = ended.clone();
    thread::spawn(move || {
        record();
        ended.send(Heard::ThreadEnded).expect("listening");
    })
}

/// Collects when it is poked, and only then, until all these threads have ended: if a poke were
/// missing, a thread would wait for ever.
fn collect_until_ended(
    emitter: &mut Emitter,
    heard: &mpsc::Receiver<Heard>,
    threads: Vec<JoinHandle<()>>,
) -> Received {
    let (mut received, mut batch) = (Received::default(), Batch::default());
    let mut running = threads.len();
    while running > 0 {
        match heard.recv_timeout(DEADLINE).expect("a thread that waits has poked") {
            Heard::Poke => received.collect(emitter, &mut batch),
            Heard::ThreadEnded => running -= 1,
        }
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    received.collect(emitter, &mut batch);
    received
}

/// Records in four threads of handles, one of cycles and one of the harness's, all at once, and
/// checks that every value arrives.
fn everything_arrives(ring_slots: usize, count: u64) {
    let _turn = alone();
    let (mut emitter, ended, heard) = poking(ring_slots);
    let installed = emitter.install().expect("alone");
    let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
    let mut threads: Vec<_> = (0..4_u64)
        .map(|thread| {
            recording(&ended, move || {
                let own = histogram(&format!("batch::own {thread}"));
                let common = histogram("batch::common");
                // Each thread ends at another time.
                for number in 0..count * (thread + 1) / 4 {
                    own.record(number);
                    common.record(number);
                }
            })
        })
        .collect();
    let (cycles, recorder) = (emitter.cycles(), emitter.recorder());
    threads.push(recording(&ended, move || {
        (0..count)
            .for_each(|number| cycles.record(Phase::Measured, 0, false, 0, number, number * 2));
    }));
    threads.push(recording(&ended, move || {
        (0..count).for_each(|number| recorder.record(lag, number));
    }));
    let received = collect_until_ended(&mut emitter, &heard, threads);
    received.verify(&emitter);
    assert_eq!((emitter.pending(), emitter.rejected()), (0, 0));
    assert!(emitter.rings.is_empty(), "the rings of ended threads are released");
    for thread in 0..4_u64 {
        let values = received.of(&format!("batch::own {thread}"), Phase::Warmup);
        assert!(values.iter().copied().eq(0..count * (thread + 1) / 4), "in order");
    }
    let common: u64 = (1..=4).map(|share| count * share / 4).sum();
    assert_eq!(received.of("batch::common", Phase::Warmup).len() as u64, common);
    assert!(received.of("loop_lag", Phase::Warmup).iter().copied().eq(0..count));
    let cycles = (0..count).map(|number| (Phase::Measured, number, number * 2));
    assert!(received.cycles.iter().copied().eq(cycles));
    drop(installed);
}

#[test]
fn a_million_values_of_several_threads_arrive() {
    everything_arrives(RING_SLOTS, 150_000);
}

#[test]
fn all_arrives_through_rings_so_small_that_their_threads_wait() {
    everything_arrives(2, 2_000);
    everything_arrives(16, 10_000);
}

#[test]
fn a_batch_ends_at_its_limit_and_reports_that_more_values_wait() {
    let _turn = alone();
    let mut emitter = Emitter::with_ring_slots(BATCH_VALUES_MAX, || {});
    let _installed = emitter.install().expect("alone");
    let (cycles, values) = (emitter.cycles(), histogram("batch::many"));
    for number in 0..BATCH_VALUES_MAX as u64 - 1 {
        cycles.record(Phase::Measured, 0, false, 0, number, 0);
        values.record(number);
    }
    assert_eq!(emitter.pending(), 2 * (BATCH_VALUES_MAX as u64 - 1));
    let (mut received, mut batch) = (Received::default(), Batch::default());
    received.collect(&mut emitter, &mut batch);
    received.verify(&emitter);
    assert_eq!(received.batches, 3);
    assert_eq!(emitter.pending(), 0);
}

#[test]
fn emitters_that_are_not_installed_keep_their_values_apart() {
    let [one, two] = [1, 2].map(|value| {
        let mut emitter = Emitter::with_limits(64, 2, || {});
        let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
        let recorder = emitter.recorder();
        (0..5).for_each(|_| recorder.record(lag, value));
        emitter
    });
    for (mut emitter, value) in [(one, 1), (two, 2)] {
        let mut received = Received::default();
        received.collect(&mut emitter, &mut Batch::default());
        received.verify(&emitter);
        assert_eq!(received.of("loop_lag", Phase::Warmup), [value; 5]);
        assert_eq!(received.batches, 3, "two values fit a batch");
    }
}

#[test]
fn a_value_has_the_phase_at_its_recording() {
    let mut emitter = Emitter::with_ring_slots(64, || {});
    let (recorder, cycles) = (emitter.recorder(), emitter.cycles());
    let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
    assert_eq!(emitter.metric("loop_lag", Unit::Nanoseconds), lag);
    let switch = emitter.phase_switch();
    recorder.record(lag, 1);
    switch.set(Phase::Measured);
    recorder.record(lag, 2);
    cycles.record(Phase::Warmup, 0, false, 0, 3, 4);
    emitter.set_phase(Phase::Warmup);
    recorder.record(lag, 5);
    cycles.record(Phase::Measured, 0, false, 0, 6, 7);
    let mut received = Received::default();
    received.collect(&mut emitter, &mut Batch::default());
    assert_eq!(received.of("loop_lag", Phase::Warmup), [1, 5]);
    assert_eq!(received.of("loop_lag", Phase::Measured), [2]);
    assert_eq!(received.cycles, [(Phase::Warmup, 3, 4), (Phase::Measured, 6, 7)]);
}

#[test]
fn failed_cycles_go_apart_from_those_that_completed_each_in_order() {
    let mut emitter = Emitter::with_ring_slots(64, || {});
    let cycles = emitter.cycles();
    let (mut received, mut batch) = (Received::default(), Batch::default());
    for round in 0..3 {
        (0..10).for_each(|n| cycles.record(Phase::Measured, 0, n % 3 == 0, 0, round, n));
        cycles.record(Phase::Warmup, 0, true, 0, round, 99);
        received.collect(&mut emitter, &mut batch);
    }
    received.verify(&emitter);
    let expected = |failed: bool| -> Vec<_> {
        let of_round = move |round: u64| {
            let warmup = failed.then_some((Phase::Warmup, round, 99));
            let measured = (0..10_u64).filter(move |n| (n % 3 == 0) == failed);
            warmup.into_iter().chain(measured.map(move |n| (Phase::Measured, round, n)))
        };
        (0..3).flat_map(of_round).collect()
    };
    assert_eq!(received.cycles, expected(false));
    assert_eq!(received.failed, expected(true));
}

#[test]
fn a_metric_is_declared_once_with_its_unit_and_only_if_it_is_used() {
    let _turn = alone();
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("alone");
    let _unused = histogram("batch::unused");
    let bytes = histogram("batch::bytes").with_unit(Unit::Bytes);
    let (mut batch, mut declare) = (Batch::default(), Vec::new());
    for _ in 0..2 {
        bytes.record(-1);
        histogram("batch::spans").record(Duration::from_secs(1));
        histogram("batch::plain").record(f64::NAN);
        let _collected = emitter.collect(&mut batch, &mut declare);
    }
    let declared: Vec<_> = declare.iter().map(|d| (d.metric, d.name.as_str(), d.unit)).collect();
    let expected = [
        (0, "batch::bytes", Unit::Bytes),
        (1, "batch::spans", Unit::Nanoseconds),
        (2, "batch::plain", Unit::None),
    ];
    assert_eq!(declared, expected);
    let values: Vec<_> = batch.columns.iter().map(|column| column.values[0]).collect();
    assert_eq!(values, [BELOW, 1_000_000_000, ABOVE]);
}

#[test]
#[should_panic(expected = "`mine` is not built in")]
fn the_harness_uses_no_name_that_may_be_a_users() {
    Emitter::new(|| {}).metric("mine", Unit::None);
}

#[test]
fn outside_a_run_nothing_is_recorded_and_no_value_is_computed() {
    let _turn = alone();
    histogram("batch::outside").record(1);
    assert_eq!(measure("service", || 7), 7, "not even a name is looked at");
    let mut emitter = Emitter::new(|| {});
    // The run's own metrics need no installation.
    let (mut batch, mut declare) = (Batch::default(), Vec::new());
    assert_eq!(emitter.collect(&mut batch, &mut declare).values, 0);
    drop(emitter.install().expect("alone"));
    histogram("batch::outside").record(2);
    assert_eq!(emitter.collect(&mut batch, &mut declare).values, 0);
    assert!(emitter.rings.is_empty());
}

#[test]
fn a_second_run_does_not_get_the_handles_of_the_first() {
    let _turn = alone();
    let (mut first, mut second) = (Emitter::new(|| {}), Emitter::new(|| {}));
    let installed = first.install().expect("alone");
    assert_eq!(second.install().expect_err("taken"), AlreadyInstalled);
    let handle = histogram("batch::runs");
    handle.record(1);
    drop(installed);
    let _installed = second.install().expect("free again");
    // This thread had a ring of the first run.
    handle.record(2);
    handle.record(3);
    for (emitter, expected) in [(&mut first, &[1][..]), (&mut second, &[2, 3])] {
        let mut received = Received::default();
        received.collect(emitter, &mut Batch::default());
        received.verify(emitter);
        assert_eq!(received.of("batch::runs", Phase::Warmup), expected);
    }
    assert!(first.rings.is_empty(), "left by the thread");
}

#[test]
fn values_after_the_close_are_rejected_and_counted() {
    let _turn = alone();
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("alone");
    let (recorder, cycles) = (emitter.recorder(), emitter.cycles());
    histogram("batch::closed").record(1);
    emitter.close();
    histogram("batch::closed").record(2);
    measure("batch::closed", || ());
    recorder.record(0, 1);
    cycles.record(Phase::Measured, 0, false, 0, 1, 1);
    let mut received = Received::default();
    received.collect(&mut emitter, &mut Batch::default());
    received.verify(&emitter);
    assert_eq!(received.of("batch::closed", Phase::Warmup), [1]);
    assert_eq!(emitter.rejected(), 4);
}

#[test]
fn a_thread_that_waits_is_released_by_the_close_and_by_the_emitters_end() {
    for end in [Emitter::close as fn(&Emitter), |_| {}] {
        let (mut emitter, _ended, heard) = poking(2);
        emitter.set_phase(Phase::Measured);
        let lag = emitter.metric("loop_lag", Unit::Nanoseconds);
        let recorder = emitter.recorder();
        let thread = thread::spawn(move || (0..4).for_each(|n| recorder.record(lag, n)));
        heard.recv_timeout(DEADLINE).expect("poked at the half");
        while emitter.shared.waiting() == 0 {
            thread::yield_now();
        }
        end(&emitter);
        let shared = Arc::clone(&emitter.shared);
        drop(emitter);
        thread.join().expect("no panic");
        assert_eq!(shared.rejected(), 2);
        assert!(shared.stall_ns() > 0, "waited in the measured window");
    }
}

#[test]
fn a_poke_comes_at_half_a_ring_and_once_until_the_next_collection() {
    let pokes = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pokes);
    let mut emitter = Emitter::with_ring_slots(64, move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let (cycles, others) = (emitter.cycles(), emitter.cycles());
    let record = |cycles: &CycleRecorder, count| {
        (0..count).for_each(|_| cycles.record(Phase::Measured, 0, false, 0, 0, 0));
        pokes.load(Ordering::Relaxed)
    };
    assert_eq!(record(&cycles, 32), 0);
    assert_eq!(record(&cycles, 1), 1);
    assert_eq!(record(&cycles, 31), 1);
    assert_eq!(record(&others, 64), 1, "the bus thread comes anyway");
    assert_eq!(emitter.collect(&mut Batch::default(), &mut Vec::new()).values, 128);
    assert_eq!(record(&others, 33), 2);
}

#[test]
#[should_panic(expected = "the thread that collects has to wait")]
fn the_thread_that_collects_panics_rather_than_wait_for_itself() {
    let mut emitter = Emitter::with_ring_slots(2, || {});
    let cycles = emitter.cycles();
    let _collected = emitter.collect(&mut Batch::default(), &mut Vec::new());
    (0..3).for_each(|_| cycles.record(Phase::Measured, 0, false, 0, 0, 0));
}

#[test]
fn a_value_from_the_destructor_of_a_thread_local_arrives() {
    struct AtExit;
    impl Drop for AtExit {
        fn drop(&mut self) {
            histogram("batch::exit").record(9);
        }
    }
    thread_local! { static AT_EXIT: AtExit = const { AtExit }; }
    let _turn = alone();
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("alone");
    // No value may be lost, in either order of the destruction of the two thread-locals.
    let first_ring = || {
        histogram("batch::exit").record(1);
        AT_EXIT.with(|_| ());
    };
    let first_destructor = || {
        AT_EXIT.with(|_| ());
        histogram("batch::exit").record(1);
    };
    thread::spawn(first_ring).join().expect("no panic");
    thread::spawn(first_destructor).join().expect("no panic");
    let mut received = Received::default();
    received.collect(&mut emitter, &mut Batch::default());
    received.verify(&emitter);
    assert_eq!(received.of("batch::exit", Phase::Warmup).iter().sum::<u64>(), 20);
}

#[test]
fn a_measured_block_that_outlives_its_run_records_nothing_in_the_next_run() {
    let _turn = alone();
    let first = Emitter::new(|| {});
    let mut installed = Some(first.install().expect("alone"));
    let mut second = Emitter::new(|| {});
    let next = measure("batch::outlives", || {
        drop(installed.take());
        second.install().expect("alone")
    });
    measure("batch::begins", || ());
    let mut received = Received::default();
    received.collect(&mut second, &mut Batch::default());
    assert_eq!(received.of("batch::begins", Phase::Warmup).len(), 1);
    assert!(received.of("batch::outlives", Phase::Warmup).is_empty());
    drop(next);
}

#[test]
fn a_measured_block_returns_its_value_and_records_its_time() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let _turn = alone();
    let mut emitter = Emitter::new(|| {});
    let _installed = emitter.install().expect("alone");
    assert_eq!(measure("batch::sync", || 5), 5);
    let panicked = std::panic::catch_unwind(|| measure("batch::sync", || panic!("on purpose")));
    assert!(panicked.is_err());
    let mut polls = 0;
    let work = std::future::poll_fn(|_| {
        polls += 1;
        if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
    });
    let mut future = pin!(measure_async("batch::async", work));
    let mut context = Context::from_waker(Waker::noop());
    let value = loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            break value;
        }
    };
    assert_eq!(value, 3);
    let (mut batch, mut declare) = (Batch::default(), Vec::new());
    assert_eq!(emitter.collect(&mut batch, &mut declare).values, 2);
    assert!(declare.iter().all(|declared| declared.unit == Unit::Nanoseconds));
    assert!(batch.columns.iter().all(|column| column.values[0] < 10_000_000_000));
}
