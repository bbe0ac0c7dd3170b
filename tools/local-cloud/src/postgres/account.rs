//! Whom the server runs as: PostgreSQL refuses root.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// An unprivileged account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
}

/// The account to drop to; none when this process is not root's.
pub fn for_server() -> Result<Option<Account>> {
    if !is_root()? {
        return Ok(None);
    }
    let accounts =
        fs::read_to_string("/etc/passwd").context("/etc/passwd is needed to leave root")?;
    for name in ["postgres", "nobody"] {
        if let Some(account) = accounts.lines().find_map(|line| entry(line, name)) {
            return Ok(Some(account));
        }
    }
    bail!("PostgreSQL refuses to run as root, and this machine has neither `postgres` nor `nobody`")
}

/// Where data asked for at `asked` goes: made, and owned by `account`.
pub fn home(asked: &Path, account: Option<&Account>) -> Result<PathBuf> {
    let [first, second] = homes(asked);
    make(&first, account)?;
    let Some(account) = account else {
        return Ok(first);
    };
    if account.can_write(&first)? {
        return Ok(first);
    }
    // Only the empty folder just made; data of another account stays where it is.
    let _ = fs::remove_dir(&first);
    make(&second, Some(account))?;
    if !account.can_write(&second)? {
        bail!(
            "the account PostgreSQL runs as can write neither {} nor {}",
            first.display(),
            second.display()
        );
    }
    tracing::info!(data = %second.display(), "PostgreSQL can't reach the folder asked for; its data goes elsewhere");
    Ok(second)
}

/// The places that [`home`] chooses from.
pub fn homes(asked: &Path) -> [PathBuf; 2] {
    let asked = std::path::absolute(asked).unwrap_or_else(|_| asked.to_owned());
    let mut hash = DefaultHasher::new();
    asked.hash(&mut hash);
    let elsewhere = PathBuf::from(format!("/var/tmp/caretrail-{:016x}", hash.finish()));
    [asked, elsewhere]
}

impl Account {
    /// Lets `command` run as this account.
    pub fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// Gives `path` to this account.
    pub fn own(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("{} was not given to PostgreSQL's account", path.display()))
    }

    fn can_write(&self, folder: &Path) -> Result<bool> {
        let mut command = Command::new("test");
        command
            .arg("-w")
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::null());
        self.run(&mut command);
        Ok(command.status().context("`test` did not run")?.success())
    }
}

fn make(folder: &Path, account: Option<&Account>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} was not made", folder.display()))?;
    account.map_or(Ok(()), |account| account.own(folder))
}

fn is_root() -> Result<bool> {
    // The standard library doesn't tell the effective user; a file that it makes does.
    Ok(tempfile::tempfile()?.metadata()?.uid() == 0)
}

/// Reads one line of passwd(5): name:password:uid:gid:…
fn entry(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next() != Some(name) {
        return None;
    }
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(Account { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::{Account, entry};

    #[test]
    fn an_account_is_read_from_its_line() {
        let line = "postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash";
        assert_eq!(
            entry(line, "postgres"),
            Some(Account { uid: 101, gid: 104 })
        );
        assert_eq!(entry(line, "nobody"), None);
    }
}
