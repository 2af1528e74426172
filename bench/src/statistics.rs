//! Statistics of the figures of rounds.

/// The median of the rounds, and their range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// `None` without figures.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, least, most })
    }

    /// The ratios of figures of the same rounds: a machine that is slow in a round is slow for both.
    pub(crate) fn of_ratios(figures: &[f64], against: &[f64]) -> Option<Self> {
        let ratios: Vec<f64> =
            figures.iter().zip(against).map(|(figure, against)| figure / against).collect();
        Self::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[3.0, 1.0, 9.0]), Some(Summary { median: 3.0, least: 1.0, most: 9.0 }));
        assert_eq!(Summary::of(&[4.0, 1.0]), Some(Summary { median: 2.5, least: 1.0, most: 4.0 }));
    }

    #[test]
    fn a_slow_round_does_not_change_a_ratio() {
        let ratio = Summary::of_ratios(&[2.0, 20.0, 2.4], &[1.0, 10.0, 1.0]);
        assert_eq!(ratio, Some(Summary { median: 2.0, least: 2.0, most: 2.4 }));
        assert_eq!(Summary::of_ratios(&[1.0], &[]), None);
    }
}
