//! A picture of few colours as PNG, in a `data:` address.
//!
//! Each pixel is the index of one of 16 colours, in four bits, and compressed: a heat map has some
//! kilobytes, and a drawing of as many rectangles hundreds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec_zlib;

/// A colour: red, green, blue and opacity.
pub(super) type Colour = [u8; 4];

/// The level of compression, as zlib counts: its own default.
const LEVEL: u8 = 6;

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
    chunk(&mut png, *b"IDAT", &compress_to_vec_zlib(&pixels, LEVEL));
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
    }

    #[test]
    fn the_pixels_of_a_picture_are_read_back() {
        let rows = [vec![1, 2, 3], vec![15, 0, 7]];
        let png = encoded(3, &rows, &[[0; 4]; 16]);
        let begin = png.windows(4).position(|at| at == b"IDAT").expect("pixels") + 4;
        let pixels = miniz_oxide::inflate::decompress_to_vec_zlib(&png[begin..png.len() - 16]);
        assert_eq!(pixels.expect("zlib"), [0, 0x12, 0x30, 0, 0xf0, 0x70]);
    }
}
