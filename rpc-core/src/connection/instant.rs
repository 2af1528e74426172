//! Times in the future, whatever durations an application sets.

use std::time::Duration;

use tokio::time::Instant;

/// Far enough in the future to never happen, near enough to be added to any instant.
pub(super) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// `at + duration`, clamped, since an application may set any duration.
pub(super) fn after(at: Instant, duration: Duration) -> Instant {
    at + duration.min(NEVER)
}
