//! Frames and messages: whatever a peer writes, in whatever pieces it comes.
//!
//! No bytes make a link panic or allocate more than a few frames, and what decodes is encoded to
//! what decodes to the same.

#![no_main]

use std::fmt::Debug;
use std::io::Write;

use dyno_bus::frame::PREFIX;
use dyno_bus::{Command, Link, Received, Report, codec, local};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Room for all that a fuzzer makes up.
const CAPACITY: usize = 1 << 20;

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (chunk, stream, message) = input;
    link::<Report>(usize::from(chunk) + 1, &stream);
    link::<Command>(usize::from(chunk) + 1, &stream);
    // The same bytes as one frame, without a prefix that the fuzzer would have to hit.
    if let Ok(report) = codec::decode::<Report>(&message) {
        comes_back(&report);
    }
    if let Ok(command) = codec::decode::<Command>(&message) {
        comes_back(&command);
    }
});

/// Reads the stream to its end, or to its first fault.
fn link<M: DeserializeOwned + Serialize + PartialEq + Debug>(chunk: usize, stream: &[u8]) {
    let (near, mut far) = local::pair_with(CAPACITY, chunk);
    let mut written = 0;
    while written < stream.len() {
        written += far.write(&stream[written..]).expect("there is room");
    }
    drop(far);
    let mut link: Link<_, M, M> = Link::new(near);
    loop {
        match link.receive() {
            Ok(Received::Message(message)) => comes_back(&message),
            Ok(Received::NotYet) => unreachable!("the peer has closed"),
            Ok(Received::Closed) | Err(_) => return,
        }
    }
}

fn comes_back<M: DeserializeOwned + Serialize + PartialEq + Debug>(message: &M) {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes).expect("what came in a frame fits one");
    let again: M = codec::decode(&bytes[PREFIX..]).expect("our own bytes");
    assert_eq!(again, *message);
}
