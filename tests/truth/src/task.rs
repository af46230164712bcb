//! The benchmark: each cycle spins on the clock for a planned time. The task records the start and
//! the end of each cycle by its own readings of the clock.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dyno_bus::clock;
use serde::{Deserialize, Serialize};

use crate::pool::{Permits, Service};
use crate::random::Random;
use crate::redis::Clients;
use crate::theory;

/// The benchmark's name.
pub const NAME: &str = "truth";
/// The capacity for notes: enough for most runs, so that a cycle rarely has to move them.
const NOTES: usize = 1 << 16;

/// The way a cycle spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It is busy, always for the same time.
    Constant,
    /// It is busy for an exponential time.
    Exponential,
    /// It sleeps, so that other cycles go on.
    Sleep,
    /// It records values as fast as it can.
    Flood,
    /// It sleeps while it holds one of a few permits.
    Pool(Service),
    /// It takes a fixed number of steps.
    Steps,
    /// It waits for a command of Redis that keeps the server's thread, over one of a few
    /// connections.
    Redis,
}

impl From<theory::Service> for How {
    fn from(service: theory::Service) -> Self {
        match service {
            theory::Service::Constant => Self::Constant,
            theory::Service::Exponential => Self::Exponential,
        }
    }
}

/// The work of a run's cycles.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// The way each cycle spends its time.
    pub how: How,
    /// The mean time of a cycle in nanoseconds; the number of values for [`How::Flood`],
    /// and of steps for [`How::Steps`].
    pub ns: u64,
    /// The seed of the pool's services.
    pub seed: u64,
    /// The URL of the Redis server; empty for other work.
    pub url: String,
    /// The index of the cycle that takes [`stall_ns`](Self::stall_ns) instead; `u64::MAX` for no
    /// stall.
    pub stalls: u64,
    /// The time of that cycle, in nanoseconds.
    pub stall_ns: u64,
    /// The folder for notes, a file for each worker; empty if the run needs no notes.
    pub folder: PathBuf,
}

impl Work {
    /// Creates work without a stall and without notes.
    #[must_use]
    pub fn new(how: How, each: Duration) -> Self {
        let ns = clock::nanos(each);
        let (url, folder) = (String::new(), PathBuf::new());
        Self { how, ns, seed: 1, url, stalls: u64::MAX, stall_ns: 0, folder }
    }

    /// Returns the time that a cycle is busy, in nanoseconds. It follows from the index alone, so
    /// that it is known before the run.
    #[must_use]
    pub fn busy_ns(&self, index: u64) -> u64 {
        match self.how {
            _ if index == self.stalls => self.stall_ns,
            How::Constant => self.ns,
            How::Exponential => (Random::new(index).exponential() * self.ns as f64) as u64,
            How::Sleep | How::Flood | How::Steps | How::Pool(_) | How::Redis => 0,
        }
    }
}

/// The task's record of a cycle: instants of the same clock as dyno's, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Note {
    /// The index of the cycle.
    pub index: u64,
    /// The due time that dyno passed to the cycle.
    pub due: u64,
    /// The cycle's first reading of the clock.
    pub start: u64,
    /// The cycle's last reading of the clock.
    pub end: u64,
}

/// Returns the path of a worker's notes.
#[must_use]
pub fn notes_path(folder: &Path, worker: u32) -> PathBuf {
    folder.join(format!("notes-{worker}.json"))
}

/// Returns the path of the file that a worker creates when its first cycle begins.
#[must_use]
pub fn begun_path(folder: &Path, worker: u32) -> PathBuf {
    folder.join(format!("begun-{worker}"))
}

/// The task in one worker.
struct Truth {
    work: Work,
    worker: u32,
    begun: Cell<bool>,
    notes: RefCell<Vec<Note>>,
    values: dyno::Histogram,
    permits: Permits,
    clients: Option<Clients>,
}

impl dyno::Task for Truth {
    async fn before(context: &dyno::Context) -> dyno::Result<Self> {
        let work = context.parameters::<Work>().clone();
        let clients = match work.how {
            How::Redis => Some(Clients::connect(&work.url).await?),
            _ => None,
        };
        Ok(Self {
            work,
            worker: context.worker(),
            begun: Cell::new(false),
            notes: RefCell::new(Vec::with_capacity(NOTES)),
            values: dyno::histogram("value"),
            permits: Permits::default(),
            clients,
        })
    }

    async fn cycle(&self, cycle: &dyno::Cycle) -> dyno::Result {
        if !self.begun.replace(true) && self.is_noted() {
            std::fs::write(begun_path(&self.work.folder, self.worker), "")?;
        }
        let start = clock::now();
        let busy_until = start + Duration::from_nanos(self.work.busy_ns(cycle.index()));
        let mut end = clock::now();
        while end < busy_until {
            std::hint::spin_loop();
            end = clock::now();
        }
        match self.work.how {
            How::Constant | How::Exponential => {}
            How::Sleep => tokio::time::sleep(Duration::from_nanos(self.work.ns)).await,
            How::Pool(service) => {
                let span = service.ns(self.work.ns, self.work.seed, cycle.index());
                self.permits.sleep(Duration::from_nanos(span)).await;
            }
            How::Redis => {
                let clients = self.clients.as_ref().ok_or("not connected")?;
                clients.keep(Duration::from_nanos(self.work.ns)).await?;
            }
            How::Steps => {
                let step = |state: u64, _| std::hint::black_box(state.rotate_left(5) ^ 0x9e37);
                std::hint::black_box((0..self.work.ns).fold(1, step));
            }
            // Large values take more bytes, and the bus limits waiting data in bytes.
            How::Flood => (0..self.work.ns).for_each(|value| self.values.record(value << 38)),
        }
        if self.is_noted() {
            let due = dyno_bus::clock::nanos(cycle.due());
            let [start, end] = [start, end].map(dyno_bus::Time::as_nanos);
            self.notes.borrow_mut().push(Note { index: cycle.index(), due, start, end });
        }
        Ok(())
    }

    async fn after(self) -> dyno::Result {
        if self.is_noted() {
            let path = notes_path(&self.work.folder, self.worker);
            std::fs::write(path, serde_json::to_vec(&self.notes.take())?)?;
        }
        Ok(())
    }
}

impl Truth {
    fn is_noted(&self) -> bool {
        !self.work.folder.as_os_str().is_empty()
    }
}

/// Declares the benchmark. In one of its workers this runs the task and never returns.
pub fn bench() -> dyno::Bench {
    dyno::bench(NAME, dyno::task::<Truth>())
}
