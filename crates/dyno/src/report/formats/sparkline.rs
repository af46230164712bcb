//! A row of numbers in one line of text: `▁▂▅█▃`.

/// The bars, from the lowest to the highest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws the last `width` values. The highest of them is the highest bar, zero the lowest.
pub(crate) fn render(values: impl IntoIterator<Item = f64>, width: usize) -> String {
    let values: Vec<f64> = values.into_iter().collect();
    let shown = &values[values.len().saturating_sub(width)..];
    let top = shown.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let share = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
        BARS[(share * (BARS.len() - 1) as f64).round() as usize]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share_of_the_highest() {
        assert_eq!(render([0.0, 1.0, 3.5, 7.0], 8), "▁▂▅█");
    }

    #[test]
    fn only_the_latest_are_shown_and_zeros_are_low() {
        assert_eq!(render([9.0, 1.0, 2.0], 2), "▅█");
        assert_eq!(render([0.0, 0.0], 5), "▁▁");
        assert_eq!(render([], 5), "");
        assert_eq!(render([1.0], 0), "");
    }
}
