//! The benchmark: it takes as long as it is told, by spinning on the clock, and notes down what it
//! saw of each cycle by its own readings of the clock.

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
/// Room for the notes of most runs, so that none has to move them.
const NOTES: usize = 1 << 16;

/// How a cycle spends its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Busy, for always as long.
    Constant,
    /// Busy, for an exponential time.
    Exponential,
    /// Asleep, so that others go on.
    Sleep,
    /// Recording values as fast as it can.
    Flood,
    /// Asleep, with one of a few permits.
    Pool(Service),
    /// In a Redis, over one of a few connections.
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

/// What a run's cycles do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Work {
    /// How each spends its time.
    pub how: How,
    /// For how long, in nanoseconds, on average. The number of values for [`How::Flood`], and of
    /// loops for [`How::Redis`].
    pub ns: u64,
    /// The seed of the pool's services.
    pub seed: u64,
    /// The URL of the Redis; empty if there is none.
    pub url: String,
    /// The cycle that takes [`stall_ns`](Self::stall_ns) instead; `u64::MAX` is none.
    pub stalls: u64,
    /// How long that one takes.
    pub stall_ns: u64,
    /// Where notes are left, a file for each worker; empty where none are asked for.
    pub folder: PathBuf,
}

impl Work {
    /// Without a stall, and without notes.
    #[must_use]
    pub fn new(how: How, each: Duration) -> Self {
        let ns = clock::nanos(each);
        let (url, folder) = (String::new(), PathBuf::new());
        Self { how, ns, seed: 1, url, stalls: u64::MAX, stall_ns: 0, folder }
    }

    /// How long a cycle is busy, in nanoseconds: known by its number alone, before the run.
    #[must_use]
    pub fn busy_ns(&self, index: u64) -> u64 {
        match self.how {
            _ if index == self.stalls => self.stall_ns,
            How::Constant => self.ns,
            How::Exponential => (Random::new(index).exponential() * self.ns as f64) as u64,
            How::Sleep | How::Flood | How::Pool(_) | How::Redis => 0,
        }
    }
}

/// What the task saw of a cycle: instants of the one clock, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Note {
    /// The cycle's number.
    pub index: u64,
    /// When it was due, as it was told.
    pub due: u64,
    /// Its first reading of the clock.
    pub start: u64,
    /// Its last.
    pub end: u64,
}

/// Where a worker leaves its notes.
#[must_use]
pub fn notes_path(folder: &Path, worker: u32) -> PathBuf {
    folder.join(format!("notes-{worker}.json"))
}

/// What a worker leaves when its first cycle begins.
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
                clients.count(self.work.ns).await?;
            }
            // Wide ones: what waits on the bus is limited in bytes.
            How::Flood => (0..self.work.ns).for_each(|value| self.values.record(value << 38)),
        }
        if self.is_noted() {
            let [due, start, end] = [cycle.due(), start, end].map(dyno_bus::Time::as_nanos);
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

/// The benchmark, as declared. In one of its workers this runs the task and never returns.
pub fn bench() -> dyno::Bench {
    dyno::bench(NAME, dyno::task::<Truth>())
}
