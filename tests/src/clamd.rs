//! A real clamd with one signature: that of the EICAR test file.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::world::eventually;

/// The EICAR test file, which every scanner reports as malware. It is written in two parts, so that
/// scanners don't report this source file.
pub fn eicar() -> Vec<u8> {
    [
        r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ]
    .concat()
    .into_bytes()
}

/// A running clamd. Dropping it ends it.
#[derive(Debug)]
pub struct Clamd {
    port: u16,
    folder: TempDir,
    _process: Child,
}

impl Clamd {
    /// Starts clamd. It accepts streams up to 1 MiB.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("caretrail-clamd-")
            .tempdir()
            .unwrap();
        let signatures = folder.path().join("signatures");
        fs::create_dir(&signatures).unwrap();
        let signature = format!("Eicar-Test-Signature:0:*:{}\n", hex::encode(eicar()));
        fs::write(signatures.join("test.ndb"), signature).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let settings = folder.path().join("clamd.conf");
        let text = format!(
            "Foreground yes\nDatabaseDirectory {}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n\
             LocalSocket {}\nStreamMaxLength 1M\nMaxThreads 2\nOfficialDatabaseOnly no\n",
            signatures.display(),
            folder.path().join("socket").display()
        );
        fs::write(&settings, text).unwrap();
        // Debian's PATH for ordinary users doesn't include daemons.
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new("clamd")
            .arg("--config-file")
            .arg(&settings)
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("clamd runs: apt-get install clamav-daemon");
        let clamd = Self {
            port,
            folder,
            _process: process,
        };
        eventually("clamd listens", async || {
            let listens = TcpStream::connect(clamd.address()).await.is_ok();
            if !listens {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            listens
        })
        .await;
        clamd
    }

    /// Returns its TCP address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Returns the path of its socket.
    pub fn socket(&self) -> String {
        self.folder.path().join("socket").display().to_string()
    }
}
