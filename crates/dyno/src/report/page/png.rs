//! A picture of few colours as PNG, in a `data:` address.
//!
//! Each pixel is the index of one of 16 colours, in four bits, so that even without compression a
//! heat map has some kilobytes: a drawing of as many rectangles has hundreds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A colour: red, green, blue and opacity.
pub(super) type Colour = [u8; 4];

/// The most bytes of a block that is stored without compression.
const BLOCK_MAX: usize = 0xffff;

/// Returns a picture as an address. Each row of pixels has `width` indices of `palette`, of at most
/// 16 colours.
pub(super) fn address(width: usize, rows: &[Vec<u8>], palette: &[Colour]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(encoded(width, rows, palette)))
}

fn encoded(width: usize, rows: &[Vec<u8>], palette: &[Colour]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((rows.len() as u32).to_be_bytes());
    // Four bits a pixel, colours by index; the only methods of compression, filter and no interlace.
    header.extend([4, 3, 0, 0, 0]);
    chunk(&mut png, *b"IHDR", &header);
    let colours: Vec<u8> = palette.iter().flat_map(|colour| colour[..3].to_vec()).collect();
    chunk(&mut png, *b"PLTE", &colours);
    chunk(&mut png, *b"tRNS", &palette.iter().map(|colour| colour[3]).collect::<Vec<_>>());
    let mut pixels = Vec::new();
    for row in rows {
        // The row is not filtered.
        pixels.push(0);
        pixels.extend(row.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)));
    }
    chunk(&mut png, *b"IDAT", &stored(&pixels));
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    png.extend((content.len() as u32).to_be_bytes());
    let begin = png.len();
    png.extend(kind);
    png.extend(content);
    let sum = crc32(&png[begin..]);
    png.extend(sum.to_be_bytes());
}

/// Returns bytes in the form of zlib (RFC 1950), without compression.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = bytes.chunks(BLOCK_MAX).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    zlib.extend((high << 16 | low).to_be_bytes());
    zlib
}

/// Returns the checksum of a chunk, bit by bit: a picture has few bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
        let zlib = stored(b"Wikipedia");
        assert_eq!(zlib[zlib.len() - 4..], 0x11e6_0398_u32.to_be_bytes());
    }

    #[test]
    fn many_bytes_are_in_several_blocks_and_only_the_last_one_ends_them() {
        let zlib = stored(&vec![7; BLOCK_MAX + 1]);
        assert_eq!(zlib[2..7], [0, 0xff, 0xff, 0, 0]);
        assert_eq!(zlib[7 + BLOCK_MAX..12 + BLOCK_MAX], [1, 1, 0, 0xfe, 0xff]);
    }
}
