//! The target for `cargo dyno merge`: the record of a host, from another version or damaged on its
//! way, is refused in one line or merged.

#![no_main]

use dyno::internal::{Format, merge_bytes, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Most inputs would fail at the first line, which says little.
    let line = concat!("dyno host record 1 dyno ", env!("CARGO_PKG_VERSION"), "\n");
    for record in [bytes.to_vec(), [line.as_bytes(), bytes].concat()] {
        match merge_bytes(&record) {
            Ok(summary) => assert!(!render(&summary, Format::Json).is_empty()),
            Err(refusal) => assert!(!refusal.contains('\n') && !refusal.is_empty()),
        }
    }
});
