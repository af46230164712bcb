//! The codec, from messages to bytes and back. This is the only file that knows `bincode`.
//!
//! A frame is decoded only when it is whole, with a limit on what it may make the decoder
//! allocate, and it must hold exactly one message: without that check, a message of another
//! version decodes into plausible wrong numbers.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::CodecError;
use crate::frame::{FRAME_MAX, PREFIX};

type Config = Configuration<LittleEndian, Varint, Limit<FRAME_MAX>>;

fn config() -> Config {
    bincode::config::standard().with_limit::<FRAME_MAX>()
}

/// Appends the message to `out` as a whole frame, with its prefix. On an error `out` is unchanged.
///
/// # Errors
/// If the message is longer than [`FRAME_MAX`], which the limits in [`crate::message`] rule out.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    out.extend([0; PREFIX]);
    let encoded = bincode::serde::encode_into_std_write(message, out, config());
    let length = out.len() - start - PREFIX;
    let failure = match encoded {
        Err(source) => Some(CodecError::Encode { source: Box::new(source) }),
        Ok(_) if length > FRAME_MAX => Some(CodecError::TooLong { length, max: FRAME_MAX }),
        Ok(_) => None,
    };
    if let Some(failure) = failure {
        out.truncate(start);
        return Err(failure);
    }
    // At most FRAME_MAX, which is far below 2^32.
    out[start..start + PREFIX].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(())
}

/// Returns the message that a whole frame holds.
///
/// # Errors
/// If the bytes do not decode, or if some are left over after the message.
pub fn decode<M: DeserializeOwned>(frame: &[u8]) -> Result<M, CodecError> {
    let length = frame.len();
    let (message, consumed) = bincode::serde::borrow_decode_from_slice(frame, config())
        .map_err(|source| CodecError::Decode { length, source: Box::new(source) })?;
    if consumed != length {
        return Err(CodecError::Trailing { length, trailing: length - consumed });
    }
    Ok(message)
}

/// The longest record, in bytes: far more than that of a host with a thousand workers.
pub const RECORD_MAX: usize = 1 << 28;

/// Returns a record as bytes, by the same codec as messages, without a frame.
///
/// # Errors
/// If the record is longer than [`RECORD_MAX`].
pub fn to_bytes<M: Serialize>(record: &M) -> Result<Vec<u8>, CodecError> {
    let config = bincode::config::standard().with_limit::<RECORD_MAX>();
    let bytes = bincode::serde::encode_to_vec(record, config)
        .map_err(|source| CodecError::Encode { source: Box::new(source) })?;
    let length = bytes.len();
    if length > RECORD_MAX {
        return Err(CodecError::TooLong { length, max: RECORD_MAX });
    }
    Ok(bytes)
}

/// Returns the record that these bytes hold.
///
/// # Errors
/// If the bytes do not decode, or if some are left over.
pub fn from_bytes<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
    let length = bytes.len();
    let config = bincode::config::standard().with_limit::<RECORD_MAX>();
    let (record, consumed) = bincode::serde::borrow_decode_from_slice(bytes, config)
        .map_err(|source| CodecError::Decode { length, source: Box::new(source) })?;
    if consumed != length {
        return Err(CodecError::Trailing { length, trailing: length - consumed });
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
