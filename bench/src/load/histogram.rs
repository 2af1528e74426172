//! A histogram of durations whose buckets grow with the duration.

/// Each doubling has two to this power buckets, so a figure is at most 1 % above the measured one.
const FINE: u32 = 7;

/// Longer times count as this: 18 minutes in nanoseconds.
const LONGEST: u64 = (1 << 40) - 1;

/// Counts of durations in nanoseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(LONGEST) + 1], total: 0 }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds.min(LONGEST))] += 1;
        self.total += 1;
    }

    /// The duration that this share of all did not exceed, in nanoseconds; 0 if there were none.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let rank = (share * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        found.map_or(0, longest_in)
    }
}

/// Up to `2 << FINE`, each number has its own bucket; above that, each doubling has `1 << FINE` of them.
fn bucket(value: u64) -> usize {
    let shift = value.checked_ilog2().unwrap_or(0).saturating_sub(FINE);
    ((shift as usize) << FINE) + (value >> shift) as usize
}

/// The largest number in a bucket.
fn longest_in(bucket: usize) -> u64 {
    let shift = (bucket >> FINE).saturating_sub(1);
    let first = bucket - (shift << FINE);
    ((first as u64 + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_falls_into_it_and_no_more_than_one_percent_beyond() {
        for value in
            (0..10_000).chain((14..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]))
        {
            let longest = longest_in(bucket(value));
            assert!(longest >= value && longest as f64 <= value as f64 * 1.01, "{value} counts as {longest}");
            assert_eq!(bucket(longest), bucket(value));
            assert_eq!(bucket(longest + 1), bucket(value) + 1, "there is no gap after {longest}");
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), 0);
        for value in 1..=200 {
            histogram.record(value);
        }
        assert_eq!(histogram.quantile(0.5), 100);
        assert_eq!(histogram.quantile(0.99), 198);
        assert_eq!(histogram.quantile(0.999), 200);
        histogram.record(u64::MAX);
        assert_eq!(histogram.quantile(1.0), LONGEST);
    }
}
