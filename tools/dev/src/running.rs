//! How subcommands find the running cloud: a file in its data folder.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use local_cloud::private_file;

/// A running cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process id.
    pub process: u32,
    /// The gateway's URL.
    pub url: String,
    /// The Invoke API's URL.
    pub lambda_url: String,
    /// The S3 API's URL.
    pub s3_url: String,
    /// The URL of the token issuer's project.
    pub supabase_url: String,
    /// The environment variables of a function that another tool starts, whatever starts the function.
    pub environment: BTreeMap<String, String>,
    /// The URL of the same database for migrations and the superuser.
    pub direct_database_url: String,
}

/// Holds a data folder for one process. Dropping it, or the end of the process, frees the folder.
#[derive(Debug)]
pub struct Claim {
    data: PathBuf,
    _lock: File,
}

impl Claim {
    /// Claims the folder `data` and creates it if needed.
    ///
    /// # Errors
    /// A cloud runs on it.
    pub fn new(data: &Path) -> Result<Self> {
        fs::create_dir_all(data).with_context(|| format!("{} was not made", data.display()))?;
        let lock = lock_file(data)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                data: data.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => {
                let whose = read(data).map_or(String::new(), |running| {
                    format!(": {}, process {}", running.url, running.process)
                });
                bail!("a cloud runs on {}{whose}", data.display())
            }
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Lets subcommands find the cloud.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn announce(&self, running: &Running) -> Result<()> {
        Ok(private_file::write(
            &state_file(&self.data),
            &serde_json::to_vec_pretty(running)?,
        )?)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = fs::remove_file(state_file(&self.data));
    }
}

/// The cloud that runs on `data`, and on `port` if one is given.
///
/// # Errors
/// No cloud runs there, it doesn't serve yet, or it is on another port.
pub fn find(data: &Path, port: Option<u16>) -> Result<Running> {
    let none = || {
        format!(
            "no cloud runs on {}: start one with `cargo dev`",
            data.display()
        )
    };
    if !data.exists() || lock_file(data)?.try_lock().is_ok() {
        bail!(none());
    }
    let running = read(data)
        .with_context(|| format!("the cloud on {} does not serve yet", data.display()))?;
    if let Some(port) = port
        && !running.url.ends_with(&format!(":{port}"))
    {
        bail!(
            "the cloud on {} is at {}, not on port {port}",
            data.display(),
            running.url
        );
    }
    Ok(running)
}

fn read(data: &Path) -> Option<Running> {
    serde_json::from_slice(&fs::read(state_file(data)).ok()?).ok()
}

fn state_file(data: &Path) -> PathBuf {
    data.join("running.json")
}

fn lock_file(data: &Path) -> Result<File> {
    let path = data.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    options
        .open(&path)
        .with_context(|| format!("{} can't be opened", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_clouds_and_others_find_it_there() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("dev");
        assert!(find(&data, None).is_err());

        let claim = Claim::new(&data).unwrap();
        assert!(
            find(&data, None)
                .unwrap_err()
                .to_string()
                .contains("does not serve yet")
        );
        let running = Running {
            process: 1,
            url: "http://127.0.0.1:9000".into(),
            lambda_url: String::new(),
            s3_url: String::new(),
            supabase_url: String::new(),
            environment: BTreeMap::new(),
            direct_database_url: String::new(),
        };
        claim.announce(&running).unwrap();
        assert_eq!(find(&data, Some(9000)).unwrap(), running);
        assert!(
            find(&data, Some(9001))
                .unwrap_err()
                .to_string()
                .contains("not on port 9001")
        );
        assert!(
            Claim::new(&data)
                .unwrap_err()
                .to_string()
                .contains("http://127.0.0.1:9000")
        );

        drop(claim);
        assert!(find(&data, None).is_err());
        Claim::new(&data).unwrap();
    }
}
