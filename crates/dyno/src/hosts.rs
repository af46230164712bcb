//! A run on several hosts: the one who asks for it coordinates, and each host has an *agent*, which is
//! a whole primary with its workers.
//!
//! ```text
//!   [launcher]: a command a host ─▶ [contact]: text, the program, then frames ([message])
//!                                        │ reports                    ▲ commands
//!                                        ▼                            │
//!                                   [coordinator] (pure) ── steps ─▶ [conduct]
//! ```
//!
//! Nothing here listens, dials or encrypts: a launcher such as ssh reaches the host, and all that is
//! exchanged goes over its standard input and output. An agent keeps the rate by itself, so that no
//! message is needed for a cycle.

mod address;
mod agent;
mod bootstrap;
mod conduct;
mod contact;
mod coordinator;
mod launcher;
mod message;
mod offset;
mod words;

pub(crate) use self::address::is_local;
pub(crate) use self::agent::{Agent, AgentEnd, Preparation, agent_of_this_process};
pub(crate) use self::conduct::{HostCheck, Hosts};
pub(crate) use self::launcher::{Launcher, LauncherError};
pub(crate) use self::message::HostFacts;
pub(crate) use self::offset::ClockOffset;
pub(crate) use self::words::split as split_words;
