//! `cargo dev verify`
#![expect(clippy::print_stdout, reason = "the command prints a report")]

use ::verify::report::{Aspect, Report};
use anyhow::{Result, anyhow, bail};
use local_cloud::verification;

use super::Place;

/// Verifies the audit log of the running cloud and prints the report.
///
/// # Errors
/// A verdict is violated or unknown.
pub async fn run(place: &Place) -> Result<()> {
    let report = verify(place).await?;
    print!("{report}");
    match report.exit_code(&Aspect::ALL) {
        0 => Ok(()),
        1 => bail!("the audit log is violated"),
        _ => bail!("not all could be verified"),
    }
}

/// Verifies the audit log of the running cloud.
pub async fn verify(place: &Place) -> Result<Report> {
    let running = place.running()?;
    let data = std::path::absolute(place.data())?;
    let (s3, database) = (&running.s3_url, &running.direct_database_url);
    let inputs = verification::inputs(&data, &running.environment, s3, database)?;
    ::verify::verify(&inputs)
        .await
        .map_err(|failure| anyhow!(failure))
}
