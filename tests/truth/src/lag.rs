//! The theory of a periodic timer on a loop that is blocked: each period that ends inside a block
//! is late by the rest of the block.

/// A stretch of time that one cycle keeps the loop busy, in nanoseconds of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// The instant at which the block begins.
    pub from: u64,
    /// The instant at which the block ends.
    pub until: u64,
}

/// Returns how late each period between two instants is, in nanoseconds and in ascending order. The
/// first period comes `phase` after `from`; blocks are in order and do not overlap.
#[must_use]
pub fn lags(blocks: &[Block], from: u64, until: u64, period: u64, phase: u64) -> Vec<u64> {
    let mut blocks = blocks.iter().peekable();
    let mut lags = Vec::new();
    let mut at = from + phase;
    while at < until {
        // Blocks that have ended by now delay neither this period nor a later one.
        while blocks.next_if(|block| block.until <= at).is_some() {}
        let lag =
            blocks.peek().filter(|block| block.from <= at).map_or(0, |block| block.until - at);
        lags.push(lag);
        at += period;
    }
    lags.sort_unstable();
    lags
}

/// Returns the value of rank ⌈permille × count / 1000⌉ of sorted values; zero without values.
#[must_use]
pub fn at_permille(sorted: &[u64], permille: usize) -> u64 {
    let rank = (sorted.len() * permille).div_ceil(1_000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_in_a_block_is_late_by_its_rest() {
        let blocks = [Block { from: 15, until: 48 }, Block { from: 60, until: 61 }];
        assert_eq!(lags(&blocks, 0, 100, 10, 0), [0, 0, 0, 0, 0, 0, 1, 8, 18, 28]);
        assert_eq!(lags(&blocks, 0, 100, 10, 5), [0, 0, 0, 0, 0, 0, 3, 13, 23, 33]);
    }

    #[test]
    fn without_a_block_no_period_is_late() {
        assert_eq!(lags(&[], 0, 30, 10, 3), [0, 0, 0]);
        assert_eq!(at_permille(&[], 500), 0);
        assert_eq!(at_permille(&[1, 2, 3, 4], 500), 2);
    }
}
