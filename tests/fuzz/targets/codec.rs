//! The target for frames and messages: any bytes from a peer, in pieces of any size.
//!
//! No bytes make a link panic or allocate more than a few frames. A decoded message that is encoded
//! again decodes to the same message.

#![no_main]

use std::fmt::Debug;
use std::io::Write;

use dyno_bus::frame::PREFIX;
use dyno_bus::{Command, Link, Received, Report, codec, local};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The capacity of the link in bytes: room for any input of a fuzzer.
const CAPACITY: usize = 1 << 20;

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (chunk, stream, message) = input;
    link::<Report>(usize::from(chunk) + 1, &stream);
    link::<Command>(usize::from(chunk) + 1, &stream);
    // A fuzzer rarely finds a valid length prefix, so that these bytes are decoded as a frame
    // without one.
    if let Ok(report) = codec::decode::<Report>(&message) {
        comes_back(&report);
    }
    if let Ok(command) = codec::decode::<Command>(&message) {
        comes_back(&command);
    }
});

/// Reads a stream to its end, or to its first error.
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
