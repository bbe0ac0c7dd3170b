//! clamd's INSTREAM (clamd(8)): `zINSTREAM`, then chunks with their length before them, an empty
//! one at the end, then one line of answer.

use std::path::PathBuf;
use std::time::Duration;

use shared::errors::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::scanner::{Finding, Scanner, Step};

/// How long clamd may take to take bytes.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long clamd may think about a whole file: its own MaxScanTime is two minutes.
const VERDICT: Duration = Duration::from_secs(130);
/// An answer is one line: a path, a name, a word.
const MAX_ANSWER: u64 = 1024;

/// Where clamd listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`
    Tcp(String),
    /// `/path/of/its/socket`
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

/// One file on its way to clamd.
pub(crate) struct Clamd {
    connection: Box<dyn Connection>,
    /// It stopped listening, which it does beyond its StreamMaxLength; its answer says why.
    deaf: bool,
}

impl Clamd {
    /// Errors: clamd can't be reached.
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
            deaf: false,
        })
    }

    async fn send(&mut self, chunk: &[u8]) -> Result<(), Error> {
        // An empty chunk would be the end.
        if chunk.is_empty() || self.deaf {
            return Ok(());
        }
        let length = u32::try_from(chunk.len())
            .map_err(|_| Error::Internal("a chunk too large to scan"))?
            .to_be_bytes();
        let sending = async {
            self.connection.write_all(&length).await?;
            self.connection.write_all(chunk).await
        };
        match timeout(PATIENCE, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => {
                self.deaf = true;
                Ok(())
            }
            Err(_) => Err(unavailable("clamd takes no bytes")),
        }
    }

    async fn verdict(mut self) -> Result<Finding, Error> {
        if !self.deaf {
            // Where this fails, the answer says why.
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

impl Scanner for Clamd {
    fn read<'a>(&'a mut self, chunk: &'a [u8]) -> Step<'a, ()> {
        Box::pin(self.send(chunk))
    }

    fn conclude(self: Box<Self>) -> Step<'static, Finding> {
        Box::pin(self.verdict())
    }
}

/// Errors: an answer that tells neither way. A file beyond clamd's bounds is unscanned.
fn judge(answer: &str) -> Result<Finding, Error> {
    let answer = answer.trim_end_matches(['\0', '\n']);
    let said = answer.strip_prefix("stream: ").unwrap_or(answer);
    if said == "OK" {
        return Ok(Finding::Clean);
    }
    if let Some(name) = said.strip_suffix(" FOUND") {
        // What clamd itself could not look into is no malware.
        return Ok(if name.starts_with("Heuristics.Limits.Exceeded") {
            Finding::Unscanned
        } else {
            Finding::Infected(name.chars().take(200).collect())
        });
    }
    if said.contains("size limit exceeded") {
        tracing::warn!("a file is larger than clamd's StreamMaxLength");
        return Ok(Finding::Unscanned);
    }
    Err(unavailable("clamd gives no verdict"))
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> Result<T, Error> {
    match timeout(patience, work).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => {
            tracing::warn!(%error, "clamd failed");
            Err(Error::Unavailable("the malware scanner can't be reached"))
        }
        Err(_) => Err(unavailable("clamd takes too long")),
    }
}

fn unavailable(message: &'static str) -> Error {
    tracing::warn!("{message}");
    Error::Unavailable("the malware scanner gives no verdict")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_verdict_or_an_error_and_never_a_pass_by_mistake() {
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
    fn a_path_is_a_socket_and_the_rest_a_host() {
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
