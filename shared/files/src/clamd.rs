//! A client of clamd's INSTREAM command (clamd(8)). The client sends `zINSTREAM`, then the file in
//! chunks, each after its length, then an empty chunk. clamd answers with one line.

use std::path::PathBuf;
use std::time::Duration;

use errors::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::finding::Finding;

/// The longest wait for a connection, and for clamd to receive a chunk.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest wait for the answer about a file. clamd's own MaxScanTime is two minutes.
const VERDICT: Duration = Duration::from_secs(130);
/// The longest answer that is read, in bytes. An answer is one line with the name of the malware.
const MAX_ANSWER: u64 = 1024;

/// The address at which clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`.
    Tcp(String),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn parse(text: &str) -> Self {
        if text.starts_with('/') {
            Self::Unix(text.into())
        } else {
            Self::Tcp(text.to_owned())
        }
    }
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// One file that is being sent to clamd.
pub(crate) struct Clamd {
    connection: Box<dyn Connection>,
    /// clamd stopped reading, as it does when a file exceeds its StreamMaxLength. Its answer says why.
    stopped_reading: bool,
}

impl Clamd {
    /// Connects and starts a scan. Errors: clamd can't be reached.
    pub(crate) async fn connect(address: &Address) -> Result<Self, Error> {
        let connecting = async {
            let mut connection: Box<dyn Connection> = match address {
                Address::Tcp(address) => Box::new(TcpStream::connect(address).await?),
                Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            };
            connection.write_all(b"zINSTREAM\0").await?;
            Ok(connection)
        };
        let connection = within(PATIENCE, connecting).await?;
        Ok(Self {
            connection,
            stopped_reading: false,
        })
    }

    pub(crate) async fn send(&mut self, chunk: &[u8]) -> Result<(), Error> {
        // An empty chunk would end the file.
        if chunk.is_empty() || self.stopped_reading {
            return Ok(());
        }
        let length = u32::try_from(chunk.len())
            .map_err(|_| {
                Error::Internal("a chunk exceeds the length field of INSTREAM, which has 32 bits")
            })?
            .to_be_bytes();
        let sending = async {
            self.connection.write_all(&length).await?;
            self.connection.write_all(chunk).await
        };
        match timeout(PATIENCE, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => {
                self.stopped_reading = true;
                Ok(())
            }
            Err(_) => Err(unavailable("clamd did not receive a chunk in time")),
        }
    }

    pub(crate) async fn verdict(mut self) -> Result<Finding, Error> {
        if !self.stopped_reading {
            // If this fails, the answer says why.
            let _ = timeout(PATIENCE, self.connection.write_all(&[0; 4])).await;
        }
        let mut answer = Vec::new();
        within(
            VERDICT,
            self.connection.take(MAX_ANSWER).read_to_end(&mut answer),
        )
        .await?;
        judge(&String::from_utf8_lossy(&answer))
    }
}

/// Parses clamd's answer. A file that exceeds clamd's limits is unscanned. Errors: the answer is
/// neither OK nor FOUND.
fn judge(answer: &str) -> Result<Finding, Error> {
    let answer = answer.trim_end_matches(['\0', '\n']);
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    if said == "OK" {
        return Ok(Finding::Clean);
    }
    if let Some(name) = said.strip_suffix(" FOUND") {
        // clamd reports an exceeded limit under the name of a malware.
        return Ok(if name.starts_with("Heuristics.Limits.Exceeded") {
            Finding::Unscanned
        } else {
            Finding::Infected(name.chars().take(200).collect())
        });
    }
    if said.contains("size limit exceeded") {
        tracing::warn!("a file was not scanned because it exceeds clamd's StreamMaxLength");
        return Ok(Finding::Unscanned);
    }
    Err(unavailable("clamd answered neither OK nor FOUND"))
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Error> {
    match timeout(patience, work).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the connection to clamd failed");
            Err(Error::Unavailable("the malware scanner can't be reached"))
        }
        Err(_) => Err(unavailable("clamd did not answer in time")),
    }
}

fn unavailable(message: &'static str) -> Error {
    tracing::warn!("{message}");
    Error::Unavailable("the malware scanner did not complete the scan")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_answer_is_an_error_and_never_clean() {
        assert_eq!(judge("stream: OK\0").unwrap(), Finding::Clean);
        assert_eq!(
            judge("stream: Eicar-Test-Signature FOUND\0").unwrap(),
            Finding::Infected("Eicar-Test-Signature".into())
        );
        for unscanned in [
            "INSTREAM size limit exceeded. ERROR\0",
            "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
        ] {
            assert_eq!(judge(unscanned).unwrap(), Finding::Unscanned, "{unscanned}");
        }
        for other in [
            "",
            "stream: ",
            "stream: OK and more",
            "UNKNOWN COMMAND\0",
            "OKAY",
        ] {
            assert!(judge(other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_address_with_a_leading_slash_is_a_socket_and_any_other_is_a_host() {
        assert_eq!(
            Address::parse("/run/clamd.ctl"),
            Address::Unix("/run/clamd.ctl".into())
        );
        assert_eq!(
            Address::parse("127.0.0.1:3310"),
            Address::Tcp("127.0.0.1:3310".into())
        );
    }
}
