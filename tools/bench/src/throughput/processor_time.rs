//! The CPU time of PostgreSQL and of this process, from `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The unit of the times in `/proc`. It is the same on every Linux (proc(5), USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of a process in ticks, as in `/proc/PID/stat`.
struct Times {
    parent: u32,
    own: u64,
    /// The time of the children that have ended.
    ended_children: u64,
}

/// Returns the CPU time that the server and all of its processes have used since it started, including
/// those that have ended.
pub fn of(postmaster: u32) -> Result<Duration> {
    loop {
        let server = times(postmaster).context("PostgreSQL isn't running")?;
        let running: u64 = fs::read_dir("/proc")?
            .flatten()
            .filter_map(|process| times(process.file_name().to_str()?.parse().ok()?))
            .filter(|process| process.parent == postmaster)
            .map(|process| process.own)
            .sum();
        // A process that ended meanwhile is missing or counted twice.
        let after = times(postmaster).map(|server| server.ended_children);
        if after == Some(server.ended_children) {
            let ticks = server.own + server.ended_children + running;
            return Ok(TICK * u32::try_from(ticks)?);
        }
    }
}

/// Returns the CPU time that a process has used.
pub fn own(process: u32) -> Result<Duration> {
    let times = times(process).context("the process isn't running")?;
    Ok(TICK * u32::try_from(times.own)?)
}

/// Returns nothing if the process has ended.
fn times(process: u32) -> Option<Times> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in brackets, which may contain spaces. The state follows it.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Times {
        parent: number(4)?.try_into().ok()?,
        own: number(14)? + number(15)?,
        ended_children: number(16)? + number(17)?,
    })
}
