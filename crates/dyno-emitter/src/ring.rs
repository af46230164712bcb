//! A bounded ring from one recording thread to the emitter: a slot is `N` words.
//!
//! One producer and one consumer, without a lock and without `unsafe`: slots are atomics, stored
//! relaxed, and published by the tail (in the other direction: by the head). Each end looks at the
//! other's index rarely, so that the cache line that both share moves between their cores only once
//! in many slots.
//!
//! The ring is pure: [`crate::recorder`] decides who waits when it is full, and who is woken when
//! it fills.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The words of a slot; their meaning is up to the recorder.
pub(crate) type RingSlot<const N: usize> = [u64; N];

/// Slots that have been filled, in their order in the ring.
pub(crate) type Filled<const N: usize> = [[AtomicU64; N]];

/// The end that fills: it may move to another thread, but not be shared.
#[derive(Debug)]
pub(crate) struct Producer<const N: usize> {
    ring: Arc<Ring<N>>,
    /// Forbids sharing: two threads that push at once would overwrite each other's slots.
    _unshared: PhantomData<Cell<()>>,
}

/// The end that drains.
#[derive(Debug)]
pub(crate) struct Consumer<const N: usize> {
    ring: Arc<Ring<N>>,
    /// The number of slots that were ever taken.
    head: u64,
}

/// Returns the words in a slot that has been filled.
#[inline]
pub(crate) fn words<const N: usize>(slot: &[AtomicU64; N]) -> RingSlot<N> {
    slot.each_ref().map(|word| word.load(Ordering::Relaxed))
}

/// The room that the producer found when it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RingRoom {
    /// Less than half of the slots are full.
    Plenty,
    /// Half of the slots or more are full.
    Little,
    /// All slots are full.
    None,
}

/// The state that both ends share.
#[derive(Debug)]
pub(crate) struct Ring<const N: usize> {
    slots: Box<[[AtomicU64; N]]>,
    head: CachePadded<AtomicU64>,
    tail: CachePadded<Tail>,
    /// Set once the producer is gone: nothing more will be pushed.
    ended: AtomicBool,
}

/// The state that only the producer writes.
#[derive(Debug, Default)]
struct Tail {
    /// The number of slots that were ever pushed.
    index: AtomicU64,
    /// The tail at which the producer must look at the head again.
    limit: AtomicU64,
}

/// A value alone on its cache lines: two of them, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CachePadded<T>(T);

impl<const N: usize> Ring<N> {
    /// Creates a ring with this number of slots, a power of two, and without ends.
    pub(crate) fn new(slots: usize) -> Self {
        assert!(slots >= 2 && slots.is_power_of_two(), "a ring of {slots} slots");
        Self {
            // The kernel's own zeros: a page is taken only when the first value reaches it.
            slots: bytemuck::zeroed_slice_box(slots),
            head: CachePadded::default(),
            tail: CachePadded::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// Splits the ring into producer and consumer. The caller guarantees that no other ends exist;
    /// leftover slots are discarded.
    pub(crate) fn ends(self: &Arc<Self>) -> (Producer<N>, Consumer<N>) {
        for index in [&self.head.0, &self.tail.0.index, &self.tail.0.limit] {
            index.store(0, Ordering::Relaxed);
        }
        self.ended.store(false, Ordering::Relaxed);
        let producer = Producer { ring: Arc::clone(self), _unshared: PhantomData };
        (producer, Consumer { ring: Arc::clone(self), head: 0 })
    }

    /// Returns the number of its slots.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Pushes a slot; returns `false` if [`look`](Self::look) must come first. Only the thread that
    /// has the producer may call it.
    #[inline]
    pub(crate) fn push(&self, slot: RingSlot<N>) -> bool {
        let tail = self.tail.0.index.load(Ordering::Relaxed);
        if tail == self.tail.0.limit.load(Ordering::Relaxed) {
            return false;
        }
        for (word, value) in self.slots[self.place(tail)].iter().zip(slot) {
            word.store(value, Ordering::Relaxed);
        }
        self.tail.0.index.store(tail + 1, Ordering::Release);
        true
    }

    /// Returns how much room there is. Afterwards pushes succeed until the ring is fuller than this
    /// answer allows. Only the thread that has the producer may call it.
    pub(crate) fn look(&self) -> RingRoom {
        let capacity = self.slots.len() as u64;
        // Acquired: the consumer has read the slots that are overwritten next.
        let head = self.head.0.load(Ordering::Acquire);
        let used = self.tail.0.index.load(Ordering::Relaxed) - head;
        let (room, limit) = if used < capacity / 2 {
            (RingRoom::Plenty, capacity / 2)
        } else if used < capacity {
            (RingRoom::Little, capacity)
        } else {
            (RingRoom::None, capacity)
        };
        self.tail.0.limit.store(head + limit, Ordering::Relaxed);
        room
    }

    #[inline]
    fn place(&self, index: u64) -> usize {
        // The length is a power of two: the mask keeps the bits of the index that matter, on any
        // machine.
        index as usize & (self.slots.len() - 1)
    }
}

impl<const N: usize> Deref for Producer<N> {
    type Target = Ring<N>;

    fn deref(&self) -> &Ring<N> {
        &self.ring
    }
}

impl<const N: usize> Drop for Producer<N> {
    fn drop(&mut self) {
        self.ring.ended.store(true, Ordering::Release);
    }
}

impl<const N: usize> Consumer<N> {
    /// Takes the slots that wait, at most `slots_max`, in the order of the pushes. They come in two
    /// pieces; the second is empty unless the ring's end is passed.
    #[inline]
    pub(crate) fn drain(&mut self, slots_max: usize, mut take: impl FnMut(&Filled<N>)) -> usize {
        // At most `slots_max`, so it fits.
        let count = self.waiting().min(slots_max as u64) as usize;
        let (before, from) = self.ring.slots.split_at(self.ring.place(self.head));
        let first = &from[..count.min(from.len())];
        let second = &before[..count - first.len()];
        take(first);
        take(second);
        self.head += count as u64;
        self.ring.head.0.store(self.head, Ordering::Release);
        count
    }

    /// Returns the number of slots that were ever taken.
    pub(crate) fn taken(&self) -> u64 {
        self.head
    }

    /// Returns the number of slots that wait, by the producer's own count.
    pub(crate) fn waiting(&self) -> u64 {
        self.ring.tail.0.index.load(Ordering::Acquire) - self.head
    }

    /// Returns `true` if the producer is gone and nothing waits.
    pub(crate) fn finished(&self) -> bool {
        // In this order, because nothing is pushed after the end.
        self.ring.ended.load(Ordering::Acquire) && self.waiting() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    fn ring<const N: usize>(slots: usize) -> (Producer<N>, Consumer<N>) {
        Arc::new(Ring::new(slots)).ends()
    }

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
                        prop_assert_eq!(room == RingRoom::None, model.len() == capacity);
                        prop_assert_eq!(room == RingRoom::Plenty, model.len() < capacity / 2);
                    }
                    Step::Drain(max) => {
                        let expected: Vec<_> = model.drain(..max.min(model.len())).collect();
                        let mut drained = Vec::new();
                        let count = consumer.drain(max, |filled| drained.extend(filled.iter().map(words)));
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
    fn a_ring_requests_to_be_drained_at_the_half_and_at_the_end() {
        let (producer, mut consumer) = ring(8);
        let fill = |producer: &Producer<2>| (0..).take_while(|_| producer.push([0, 0])).count();
        assert_eq!(fill(&producer), 0);
        assert_eq!((producer.look(), fill(&producer)), (RingRoom::Plenty, 4));
        assert_eq!((producer.look(), fill(&producer)), (RingRoom::Little, 4));
        assert_eq!((producer.look(), fill(&producer)), (RingRoom::None, 0));
        assert_eq!(consumer.drain(1, |_| {}), 1);
        assert_eq!((producer.look(), fill(&producer)), (RingRoom::Little, 1));
        assert_eq!(consumer.drain(usize::MAX, |_| {}), 8);
        assert_eq!((producer.look(), fill(&producer)), (RingRoom::Plenty, 4));
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
            consumer.drain(usize::MAX, |filled| {
                for slot in filled.iter().map(words) {
                    assert_eq!(slot, [next, !next]);
                    next += 1;
                }
            });
            std::thread::yield_now();
        }
        pushing.join().expect("no panic");
        assert_eq!((next, consumer.taken()), (COUNT, COUNT));
    }
}
