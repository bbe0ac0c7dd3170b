//! How often a run of a schedule looks for events.

use std::time::{Duration, Instant};

use api::input::FromSettings;
use settings::{Misconfigured, optional};

/// The schedule starts the next run after a minute. A run begins nothing beyond this time.
const RUN: Duration = Duration::from_secs(50);

/// How often a run looks for events: the variable `EVENT_POLL_SECONDS`.
pub struct Poll {
    /// The pause before the next look. None: a run looks once.
    every: Option<Duration>,
}

impl FromSettings for Poll {
    fn from_settings() -> Result<Self, Misconfigured> {
        let Some(seconds) = optional("EVENT_POLL_SECONDS") else {
            return Ok(Self { every: None });
        };
        let seconds = seconds.parse().ok();
        let seconds: u64 = seconds
            .filter(|seconds| *seconds <= 50)
            .ok_or(Misconfigured(
                "EVENT_POLL_SECONDS",
                "expected a number of seconds from 0 to 50",
            ))?;
        Ok(Self {
            every: (seconds > 0).then(|| Duration::from_secs(seconds)),
        })
    }
}

impl Poll {
    /// When a run ends that begins now.
    pub fn ends(&self) -> Instant {
        Instant::now() + RUN
    }

    /// Waits until it is time to look again. Returns whether the run still looks.
    pub async fn wait(&self, ends: Instant) -> bool {
        match self.every {
            Some(pause) if Instant::now() + pause < ends => {
                tokio::time::sleep(pause).await;
                true
            }
            _ => false,
        }
    }
}
