//! Random jitter against thundering herds.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A random duration from zero up to `most`. Good for spreading load, not for secrets.
#[must_use]
pub fn jitter(most: Duration) -> Duration {
    // Each `RandomState` has new keys, and its hash is uniform enough for this.
    let random = RandomState::new().hash_one(0_u8);
    let seconds = most.as_secs_f64() * (random as f64 / u64::MAX as f64);
    Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_spreads_over_the_whole_range() {
        let most = Duration::from_secs(8);
        let mut eighths = [0; 8];
        for _ in 0..4096 {
            let delay = jitter(most);
            assert!(delay <= most);
            eighths[(delay.as_secs() as usize).min(7)] += 1;
        }
        assert!(eighths.iter().all(|hits| *hits > 256), "{eighths:?}");
        assert_eq!(jitter(Duration::ZERO), Duration::ZERO);
        assert!(jitter(Duration::MAX) <= Duration::MAX);
    }
}
