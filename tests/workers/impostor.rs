//! Breaks the protocol: worker 1 speaks the bus by hand and does one thing wrong, which the
//! variable `IMPOSTOR` names. Its other workers are real ones.
//!
//! Apart from that, it acts as a worker that never finds the time for a cycle.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::exit;

use dyno_bus::message::{
    Batch, Bye, Command, Counts, Declare, Drained, Emitted, Hello, Report, VERSION,
};
use dyno_bus::segment::{PerPhase, Share};
use dyno_bus::value::Unit;
use dyno_bus::{Cursor, Link, Received, Time, clock};
use serde::{Deserialize, Serialize};

/// The one thing that worker 1 does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    /// It does nothing wrong.
    Nothing,
    /// It never sends `Hello`.
    Silent,
    /// It dies before it has sent `Hello`.
    Dies,
    /// It claims another version of the protocol.
    Version,
    /// It sends the nonce of another run.
    Nonce,
    /// It claims to be worker 0.
    Index,
    /// It sends `Hello` twice.
    Twice,
    /// It sends `Ready` before `Hello`.
    Early,
    /// It closes the bus and lives on.
    Closes,
    /// It never sends its account.
    Owes,
    /// Its account claims that all cycles completed, but it has sent no values of them.
    Lies,
    /// Its account leaves out the cycles that it did not run.
    Forgets,
    /// It sends the same batch twice.
    Repeats,
    /// It leaves out a batch.
    Gap,
    /// It sends values of a metric that it has not declared.
    Undeclared,
    /// It declares a metric with a name that is too long.
    LongName,
    /// It sends `Bye` without an account.
    ByeEarly,
    /// It dies between its account and `Bye`.
    DiesLate,
    /// It does not exit after `Bye`.
    Lingers,
    /// It exits with 7 after `Bye`.
    Exits7,
    /// It floods the primary with notices.
    Floods,
}

const WRONGS: [(&str, Wrong); 22] = [
    ("nothing", Wrong::Nothing),
    (LARGE, Wrong::Nothing),
    ("silent", Wrong::Silent),
    ("dies", Wrong::Dies),
    ("version", Wrong::Version),
    ("nonce", Wrong::Nonce),
    ("index", Wrong::Index),
    ("twice", Wrong::Twice),
    ("early", Wrong::Early),
    ("closes", Wrong::Closes),
    ("owes", Wrong::Owes),
    ("lies", Wrong::Lies),
    ("forgets", Wrong::Forgets),
    ("repeats", Wrong::Repeats),
    ("gap", Wrong::Gap),
    ("undeclared", Wrong::Undeclared),
    ("long-name", Wrong::LongName),
    ("bye-early", Wrong::ByeEarly),
    ("dies-late", Wrong::DiesLate),
    ("lingers", Wrong::Lingers),
    ("exits-7", Wrong::Exits7),
    ("floods", Wrong::Floods),
];
/// The name of a variant of [`Wrong::Nothing`] whose first command is larger than a socket takes at
/// once.
const LARGE: &str = "large";
/// The size of the large parameter in bytes: four times what a socket takes, and within the limit
/// of a message.
const BALLAST: usize = 900_000;
/// The number of notices in a flood, which make up some megabytes.
const FLOOD: usize = 50_000;

fn main() -> dyno::Outcome {
    let identity = std::env::var("DYNO_WORKER").unwrap_or_default();
    let parts: Vec<_> = identity.split(':').collect();
    let wrong = std::env::var("IMPOSTOR").expect("the test says what is wrong");
    if let [_primary, nonce, "1", ..] = parts[..] {
        let (_, wrong) = WRONGS.into_iter().find(|(name, _)| *name == wrong).expect("known");
        let nonce = u64::from_str_radix(nonce, 16).expect("a nonce");
        match Impostor::new(wrong, nonce).run() {
            Ok(()) => exit(0),
            // The primary has killed the impostor or closed the bus.
            Err(_gone) => exit(9),
        }
    }
    let ballast = if wrong == LARGE { "b".repeat(BALLAST) } else { String::new() };
    dyno::bench("impostor", || ()).rate(200.0).parameters(Parameters { ballast }).main()
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    ballast: String,
}

struct Impostor {
    wrong: Wrong,
    nonce: u64,
    link: Link<UnixStream, Command, Report>,
    cursor: Cursor,
    batches: u64,
}

impl Impostor {
    fn new(wrong: Wrong, nonce: u64) -> Self {
        let socket = io::stdin().as_fd().try_clone_to_owned().expect("a socket");
        Self {
            wrong,
            nonce,
            // The socket stays in blocking mode, so that reading waits.
            link: Link::new(UnixStream::from(socket)),
            cursor: Cursor::new(Share { worker: 1, workers: 2 }),
            batches: 0,
        }
    }

    fn run(mut self) -> io::Result<()> {
        match self.wrong {
            Wrong::Silent => wait_for_ever(),
            Wrong::Dies => die("no such library"),
            Wrong::Early => self.send(&Report::Ready)?,
            _ => {}
        }
        self.hello()?;
        loop {
            let command = match self.link.receive() {
                Ok(Received::Message(command)) => command,
                Ok(Received::NotYet) => continue,
                Ok(Received::Closed) | Err(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            };
            match command {
                Command::Start(_) => self.started()?,
                Command::Segment(segment) => self.cursor.push(segment),
                Command::Lease(lease) if lease.last => self.drained(lease.until)?,
                Command::Lease(_) => {}
                // At an early stop, the account covers the cycles that are due by now.
                Command::Drain => self.drained(clock::now())?,
                Command::Ack => return self.last_words(),
            }
        }
    }

    fn hello(&mut self) -> io::Result<()> {
        let mut hello =
            Hello { version: VERSION, worker: 1, nonce: self.nonce, pid: std::process::id() };
        match self.wrong {
            Wrong::Version => hello.version += 1,
            Wrong::Nonce => hello.nonce ^= 1,
            Wrong::Index => hello.worker = 0,
            Wrong::Twice => self.send(&Report::Hello(hello))?,
            _ => {}
        }
        self.send(&Report::Hello(hello))
    }

    fn started(&mut self) -> io::Result<()> {
        self.send(&Report::Ready)?;
        match self.wrong {
            Wrong::Closes => {
                self.link.stream().shutdown(std::net::Shutdown::Both)?;
                wait_for_ever();
            }
            Wrong::ByeEarly => self.send(&Report::Bye(Bye::default()))?,
            Wrong::Floods => {
                for _ in 0..FLOOD {
                    self.send(&Report::Notice("look at me".repeat(10)))?;
                }
            }
            Wrong::Undeclared => self.batch(|batch| {
                let phase = dyno_bus::Phase::Measured;
                batch.columns.push(dyno_bus::message::Column { metric: 7, phase, values: vec![1] });
            })?,
            Wrong::LongName => {
                let name = "n".repeat(1_000);
                let declare = Declare { metric: 0, name, unit: Unit::None };
                self.send(&Report::Declare(declare))?;
            }
            Wrong::Repeats => {
                self.batch(|_| {})?;
                self.batches -= 1;
                self.batch(|_| {})?;
            }
            Wrong::Gap => {
                self.batches += 1;
                self.batch(|_| {})?;
            }
            _ => {}
        }
        Ok(())
    }

    fn batch(&mut self, fill: impl FnOnce(&mut Batch)) -> io::Result<()> {
        let as_of = clock::now();
        let mut batch = Batch { sequence: self.batches, as_of, ..Batch::default() };
        fill(&mut batch);
        self.batches += 1;
        self.send(&Report::Batch(batch))
    }

    /// Waits for the cut and sends the account, with every cycle as unstarted unless it is to be
    /// wrong.
    fn drained(&mut self, cut: Time) -> io::Result<()> {
        if self.wrong == Wrong::Owes {
            return Ok(());
        }
        while clock::now() < cut {
            // Nobody unparks this thread: it waits for the cut.
            std::thread::park_timeout(cut - clock::now());
        }
        let issued = self.cursor.pass(cut);
        let counts = |issued| match self.wrong {
            Wrong::Lies => Counts { started: issued, completed: issued, ..Counts::default() },
            Wrong::Forgets => Counts::default(),
            _ => Counts { unstarted: issued, ..Counts::default() },
        };
        let drained = Drained {
            cut,
            counts: PerPhase { warmup: counts(issued.warmup), measured: counts(issued.measured) },
            emitted: self.emitted(),
            ..Drained::default()
        };
        self.send(&Report::Drained(drained))
    }

    fn last_words(&mut self) -> io::Result<()> {
        if self.wrong == Wrong::DiesLate {
            die("so close");
        }
        self.send(&Report::Bye(Bye { emitted: self.emitted() }))?;
        match self.wrong {
            Wrong::Lingers => wait_for_ever(),
            Wrong::Exits7 => exit(7),
            _ => Ok(()),
        }
    }

    fn emitted(&self) -> Emitted {
        Emitted { batches: self.batches, ..Emitted::default() }
    }

    fn send(&mut self, report: &Report) -> io::Result<()> {
        self.link.send(report).map_err(io::Error::other)?;
        self.link.flush().map_err(io::Error::other)?;
        Ok(())
    }
}

#[expect(clippy::print_stderr, reason = "last words are part of what is tested")]
fn die(last_words: &str) -> ! {
    eprintln!("{last_words}");
    exit(3);
}

fn wait_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}
