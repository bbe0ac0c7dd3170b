//! Simulated time, in milliseconds since 1970 (UTC).

pub type Millis = i64;

pub const SECOND: Millis = 1000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;
pub const DAY: Millis = 24 * HOUR;

/// The number of the day since 1970.
pub fn day_of(at: Millis) -> i64 {
    at.div_euclid(DAY)
}

/// Whether the clinic is open on this day: from Monday to Friday.
pub fn is_workday(day: i64) -> bool {
    // The first of January 1970 was a Thursday.
    (day + 3).rem_euclid(7) < 5
}

/// The first workday that is not before this day.
pub fn workday_from(day: i64) -> i64 {
    (day..).find(|day| is_workday(*day)).unwrap_or(day)
}

/// Writes a time as PostgreSQL reads it.
pub fn timestamp(at: Millis) -> String {
    let at = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clinic_is_closed_at_the_weekend() {
        // The third of January 1970 was a Saturday.
        assert!(is_workday(1) && !is_workday(2) && !is_workday(3) && is_workday(4));
        assert_eq!(workday_from(2), 4);
    }
}
