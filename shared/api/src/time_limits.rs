//! When an invocation must stop its work, and when it must have answered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The part of Lambda's time limit that is reserved for settling a COMMIT, recording a time-out and
/// answering.
const RESERVE: Duration = Duration::from_millis(1500);

/// The part of the reserve in which the answer travels.
const ANSWER: Duration = Duration::from_millis(300);

/// A limit for a deadline that is too far away to be one, or that is missing.
const LONGEST: Duration = Duration::from_secs(3600);

/// The year 2020, in milliseconds since the Unix epoch. An earlier deadline is none: `cargo lambda watch` sends the
/// time limit in its place.
const EARLIEST: u64 = 1_577_836_800_000;

/// The limits of one invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimits {
    /// The handler must have sent its COMMIT by this time.
    pub(crate) work_ends: Instant,
    /// The database may not be waited for any longer.
    pub(crate) answer_by: Instant,
    /// A job ends even if it waits for something else than the database.
    pub(crate) stops_at: Instant,
}

impl TimeLimits {
    /// `deadline` is Lambda's, in milliseconds since the Unix epoch.
    pub(crate) fn until(deadline: u64) -> Self {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let left = match deadline {
            ..EARLIEST => LONGEST,
            _ => Duration::from_millis(deadline).saturating_sub(now),
        };
        let left = left.min(LONGEST);
        let start = Instant::now();
        Self {
            work_ends: start + left.saturating_sub(RESERVE),
            answer_by: start + left.saturating_sub(ANSWER),
            stops_at: start + left.saturating_sub(ANSWER / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_before_the_deadline_and_a_deadline_of_1970_is_none() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deadline = |left: Duration| u64::try_from((now + left).as_millis()).unwrap();
        let left = |deadline| TimeLimits::until(deadline).work_ends - Instant::now();
        let ten_seconds = left(deadline(Duration::from_secs(10)));
        assert!(ten_seconds < Duration::from_secs(9) && ten_seconds > Duration::from_secs(5));
        assert_eq!(left(deadline(Duration::ZERO)), Duration::ZERO);
        for absent in [0, 600_000] {
            assert!(left(absent) > Duration::from_secs(3000));
        }
    }
}
