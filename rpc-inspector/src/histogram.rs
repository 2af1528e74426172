//! A histogram of durations.

use std::time::Duration;

/// The number of buckets between a power of two and the next.
const STEPS: u64 = 8;

/// Durations of 2^40 µs, which are twelve days, and longer ones are in the last bucket.
const LONGEST: u32 = 40;

const BUCKETS: usize = (LONGEST as usize - 1) * STEPS as usize;

/// Counts durations, with an error of at most an eighth.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: Box<[u32; BUCKETS]>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Box::new([0; BUCKETS]), count: 0 }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = &mut self.buckets[bucket(micros)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets.iter()) {
            *bucket = bucket.saturating_add(*more);
        }
        self.count += other.count;
    }

    /// The duration in µs that this share of all durations does not exceed; `None` without any.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        found.filter(|_| self.count > 0).map(upper_end)
    }
}

/// The bucket of a duration. The first buckets have one value each; then there are [`STEPS`] buckets for each
/// power of two.
fn bucket(micros: u64) -> usize {
    let power = micros.max(1).ilog2().min(LONGEST - 1);
    if power < STEPS.ilog2() {
        return micros as usize;
    }
    let shift = power - STEPS.ilog2();
    let step = (micros >> shift).min(2 * STEPS - 1) - STEPS;
    (u64::from(shift + 1) * STEPS + step) as usize
}

/// The largest duration of a bucket, in µs.
fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_a_bucket_whose_end_is_near() {
        let mut last = 0;
        for micros in (0..5000).chain((13..64).map(|power| 1 << power)).chain([u64::MAX]) {
            let (bucket, end) = (bucket(micros), upper_end(bucket(micros)));
            assert!(bucket < BUCKETS && bucket >= last, "{micros}: {bucket}");
            last = bucket;
            if micros < 1 << LONGEST {
                assert!(end >= micros && end - micros <= micros / 8, "{micros}: {end}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_durations() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        for millis in 1..=100 {
            histogram.record(Duration::from_millis(millis));
        }
        let near = |share: f64, micros: u64| {
            let found = histogram.quantile(share).unwrap_or_default();
            assert!(found >= micros && found - micros <= micros / 8, "{share}: {found}");
        };
        near(0.5, 50_000);
        near(0.99, 99_000);
        near(1.0, 100_000);
        let mut sum = Histogram::default();
        sum.add(&histogram);
        sum.record(Duration::MAX);
        assert_eq!(sum.quantile(0.5), histogram.quantile(0.51));
        assert!(sum.quantile(1.0) > Some(1 << 39));
    }
}
