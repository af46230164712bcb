//! A message of Protocol Buffers, written field by field. Only the few kinds of fields that OTLP's
//! metrics have; a library would bring a code generator along for them.

/// The wire types of fields.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
/// The bits of a number that one byte of a varint holds.
const LOW_BITS: u64 = 0x7f;

/// The bytes of one message.
#[derive(Debug, Default)]
pub(super) struct Protobuf(Vec<u8>);

impl Protobuf {
    /// Returns the bytes of a message with the fields that `fill` writes.
    pub(super) fn bytes(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut message = Self::default();
        fill(&mut message);
        message.0
    }

    /// Writes a message as a field.
    pub(super) fn message(&mut self, field: u64, fill: impl FnOnce(&mut Self)) {
        self.block(field, &Self::bytes(fill));
    }

    /// Writes a `string`.
    pub(super) fn text(&mut self, field: u64, text: &str) {
        self.block(field, text.as_bytes());
    }

    /// Writes an `enum` or a `bool`.
    pub(super) fn choice(&mut self, field: u64, number: u64) {
        self.key(field, VARINT);
        self.varint(number);
    }

    /// Writes a `sint32`.
    pub(super) fn signed(&mut self, field: u64, number: i32) {
        self.key(field, VARINT);
        // Small numbers of either sign take few bytes: 0, -1, 1, -2 become 0, 1, 2, 3.
        self.varint(u64::from(((number << 1) ^ (number >> 31)).cast_unsigned()));
    }

    /// Writes a `fixed64`, or an `sfixed64` that is not negative.
    pub(super) fn fixed(&mut self, field: u64, number: u64) {
        self.key(field, FIXED64);
        self.0.extend(number.to_le_bytes());
    }

    /// Writes a `double`.
    pub(super) fn double(&mut self, field: u64, number: f64) {
        self.fixed(field, number.to_bits());
    }

    /// Writes a `repeated uint64`.
    pub(super) fn numbers(&mut self, field: u64, numbers: impl Iterator<Item = u64>) {
        let block = Self::bytes(|block| numbers.for_each(|number| block.varint(number)));
        self.block(field, &block);
    }

    fn block(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn varint(&mut self, mut number: u64) {
        while number > LOW_BITS {
            self.0.push((number & LOW_BITS) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
