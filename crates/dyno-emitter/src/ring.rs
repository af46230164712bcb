//! A bounded ring from one recording thread to the emitter: a slot is `N` words.
//!
//! One producer and one consumer, without a lock and without `unsafe`: slots are atomics, stored
//! relaxed, and published by the tail (the consumer's way back: by the head). Each end keeps its
//! own index to itself and looks at the other's rarely, so that the line that both share moves
//! between their cores once in many slots.
//!
//! Pure: who waits when it is full, and who is told when it fills, is decided in
//! [`crate::recorder`].

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a slot holds; what the words mean is up to who records.
pub(crate) type Slot<const N: usize> = [u64; N];

/// The end that fills: it may move to another thread, but not be shared.
#[derive(Debug)]
pub(crate) struct Producer<const N: usize> {
    ring: Arc<Ring<N>>,
    /// How many slots were ever pushed.
    tail: Cell<u64>,
    /// The tail at which the head must be looked at again.
    limit: Cell<u64>,
}

/// The end that drains.
#[derive(Debug)]
pub(crate) struct Consumer<const N: usize> {
    ring: Arc<Ring<N>>,
    /// How many slots were ever taken.
    head: u64,
}

/// What the producer saw when it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// Less than half is full.
    Plenty,
    /// Half or more is full.
    Little,
    /// All is full.
    None,
}

#[derive(Debug)]
struct Ring<const N: usize> {
    slots: Box<[[AtomicU64; N]]>,
    head: Line,
    tail: Line,
    /// The producer is gone: what is here is all that will ever be.
    ended: AtomicBool,
}

/// An index alone on its cache lines: two, for processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// A ring of so many slots, a power of two.
pub(crate) fn ring<const N: usize>(slots: usize) -> (Producer<N>, Consumer<N>) {
    assert!(slots >= 2 && slots.is_power_of_two(), "a ring of {slots} slots");
    let ring = Arc::new(Ring {
        slots: (0..slots).map(|_| [const { AtomicU64::new(0) }; N]).collect(),
        head: Line::default(),
        tail: Line::default(),
        ended: AtomicBool::new(false),
    });
    let producer = Producer { ring: Arc::clone(&ring), tail: Cell::new(0), limit: Cell::new(0) };
    (producer, Consumer { ring, head: 0 })
}

impl<const N: usize> Ring<N> {
    fn slot(&self, index: u64) -> &[AtomicU64; N] {
        // The length is a power of two: the mask keeps what matters of the index on any machine.
        &self.slots[index as usize & (self.slots.len() - 1)]
    }
}

impl<const N: usize> Producer<N> {
    /// Pushes a slot; `false` if [`look`](Self::look) must come first.
    #[inline]
    pub(crate) fn push(&self, slot: Slot<N>) -> bool {
        let tail = self.tail.get();
        if tail == self.limit.get() {
            return false;
        }
        for (word, value) in self.ring.slot(tail).iter().zip(slot) {
            word.store(value, Ordering::Relaxed);
        }
        self.ring.tail.0.store(tail + 1, Ordering::Release);
        self.tail.set(tail + 1);
        true
    }

    /// Looks how much room there is. Pushes succeed afterwards until more has filled than this
    /// answer says.
    pub(crate) fn look(&self) -> Room {
        let capacity = self.ring.slots.len() as u64;
        // Acquired: the consumer has read what is overwritten next.
        let head = self.ring.head.0.load(Ordering::Acquire);
        let used = self.tail.get() - head;
        let (room, limit) = if used < capacity / 2 {
            (Room::Plenty, capacity / 2)
        } else if used < capacity {
            (Room::Little, capacity)
        } else {
            (Room::None, capacity)
        };
        self.limit.set(head + limit);
        room
    }
}

impl<const N: usize> Drop for Producer<N> {
    fn drop(&mut self) {
        self.ring.ended.store(true, Ordering::Release);
    }
}

impl<const N: usize> Consumer<N> {
    /// Takes what is there, at most so many slots, in the order in which they were pushed.
    #[inline]
    pub(crate) fn drain(&mut self, slots_max: usize, mut take: impl FnMut(Slot<N>)) -> usize {
        let count = self.waiting().min(slots_max as u64);
        let end = self.head + count;
        for index in self.head..end {
            take(self.ring.slot(index).each_ref().map(|word| word.load(Ordering::Relaxed)));
        }
        self.head = end;
        self.ring.head.0.store(end, Ordering::Release);
        // At most `slots_max`.
        count as usize
    }

    /// How many slots were ever taken.
    pub(crate) fn taken(&self) -> u64 {
        self.head
    }

    /// How many slots wait: by the producer's own count.
    pub(crate) fn waiting(&self) -> u64 {
        self.ring.tail.0.load(Ordering::Acquire) - self.head
    }

    /// Whether the producer is gone and nothing waits.
    pub(crate) fn finished(&self) -> bool {
        // In this order: nothing is pushed after the end.
        self.ring.ended.load(Ordering::Acquire) && self.waiting() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(u64),
        Look,
        Drain(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => any::<u64>().prop_map(Step::Push),
            2 => Just(Step::Look),
            1 => (0usize..20).prop_map(Step::Drain),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn a_ring_is_a_bounded_queue(power in 1u32..5, steps in steps()) {
            let capacity = 1 << power;
            let (producer, mut consumer) = ring(capacity);
            let mut model = VecDeque::new();
            for step in steps {
                match step {
                    Step::Push(word) => {
                        if producer.push([word, !word]) {
                            model.push_back(word);
                            prop_assert!(model.len() <= capacity);
                        }
                    }
                    Step::Look => {
                        let room = producer.look();
                        prop_assert_eq!(room == Room::None, model.len() == capacity);
                        prop_assert_eq!(room == Room::Plenty, model.len() < capacity / 2);
                    }
                    Step::Drain(max) => {
                        let expected: Vec<_> = model.drain(..max.min(model.len())).collect();
                        let mut drained = Vec::new();
                        let count = consumer.drain(max, |slot| drained.push(slot));
                        prop_assert_eq!(count, drained.len());
                        prop_assert!(drained.iter().all(|[word, second]| *second == !*word));
                        let words: Vec<_> = drained.iter().map(|[word, _]| *word).collect();
                        prop_assert_eq!(words, expected);
                    }
                }
                prop_assert_eq!(consumer.waiting(), model.len() as u64);
            }
            drop(producer);
            prop_assert_eq!(consumer.finished(), model.is_empty());
        }
    }

    #[test]
    fn a_look_is_due_at_the_half_and_at_the_end() {
        let (producer, mut consumer) = ring(8);
        let fill = |producer: &Producer<2>| (0..).take_while(|_| producer.push([0, 0])).count();
        assert_eq!(fill(&producer), 0);
        assert_eq!((producer.look(), fill(&producer)), (Room::Plenty, 4));
        assert_eq!((producer.look(), fill(&producer)), (Room::Little, 4));
        assert_eq!((producer.look(), fill(&producer)), (Room::None, 0));
        assert_eq!(consumer.drain(1, |_| {}), 1);
        assert_eq!((producer.look(), fill(&producer)), (Room::Little, 1));
        assert_eq!(consumer.drain(usize::MAX, |_| {}), 8);
        assert_eq!((producer.look(), fill(&producer)), (Room::Plenty, 4));
    }

    #[test]
    fn slots_cross_threads_whole_and_in_order() {
        const COUNT: u64 = 200_000;
        let (producer, mut consumer) = ring(64);
        let pushing = std::thread::spawn(move || {
            for number in 0..COUNT {
                while !producer.push([number, !number]) {
                    producer.look();
                    std::thread::yield_now();
                }
            }
        });
        let mut next = 0;
        while !consumer.finished() {
            consumer.drain(usize::MAX, |slot| {
                assert_eq!(slot, [next, !next]);
                next += 1;
            });
            std::thread::yield_now();
        }
        pushing.join().expect("no panic");
        assert_eq!((next, consumer.taken()), (COUNT, COUNT));
    }
}
