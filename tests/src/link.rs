//! A proxy between the functions and the database. It counts the flushes and breaks the connection
//! where a test says so.
//!
//! It parses the passing PostgreSQL protocol (version 3) as far as it needs to recognise statements
//! and the end of an answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy on a port of its own. Dropping it breaks every connection through it.
#[derive(Debug)]
pub struct Link {
    record: Arc<Mutex<Record>>,
    listening: JoinHandle<()>,
}

/// The point where the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the flush that holds a statement with this text reaches the server.
    Before(&'static str),
    /// After the server has executed that flush, before its answer reaches the function.
    After(&'static str),
}

/// The statements that a function sent before it waited for an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flush {
    /// The texts of its statements, in order.
    pub statements: Vec<String>,
    /// Whether the flush belongs to setting up a connection.
    pub is_setup: bool,
}

#[derive(Debug, Default)]
struct Record {
    flushes: Vec<Flush>,
    cuts: VecDeque<Cut>,
    connections: usize,
    /// The names of prepared statements that had a name.
    named: Vec<String>,
    /// The types of the columns that the server described, as OIDs.
    column_types: Vec<u32>,
}

impl Link {
    /// Opens a proxy to the database of `url`. Returns it with the URL through it.
    pub async fn before(url: &str) -> (Self, String) {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let upstream = config.get_ports()[0];
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let record = Arc::new(Mutex::new(Record::default()));
        let listening = tokio::spawn(listen(socket, upstream, record.clone()));
        let through = url.replacen(&format!(":{upstream}/"), &format!(":{port}/"), 1);
        assert_ne!(url, through);
        (Self { record, listening }, through)
    }

    /// Breaks the connection at each of these points once, in this order.
    pub fn cut(&self, cuts: impl IntoIterator<Item = Cut>) {
        self.lock().cuts.extend(cuts);
    }

    /// Whether every requested cut was made.
    pub fn was_cut(&self) -> bool {
        self.lock().cuts.is_empty()
    }

    /// Returns the flushes since the proxy was opened or cleared. The end of a connection isn't a
    /// flush, because nobody waits for an answer.
    pub fn flushes(&self) -> Vec<Flush> {
        self.lock().flushes.clone()
    }

    /// Returns the network round trips: all flushes except those that set up a connection.
    pub fn round_trips(&self) -> Vec<Flush> {
        let mut flushes = self.flushes();
        flushes.retain(|flush| !flush.is_setup);
        flushes
    }

    /// Forgets the flushes so far.
    pub fn clear(&self) {
        self.lock().flushes.clear();
    }

    /// Returns how many connections were made.
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    /// Returns the names given to prepared statements.
    pub fn named_statements(&self) -> Vec<String> {
        self.lock().named.clone()
    }

    /// Returns the types of all answered columns, as OIDs.
    pub fn column_types(&self) -> Vec<u32> {
        self.lock().column_types.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(socket: TcpListener, upstream: u16, record: Arc<Mutex<Record>>) {
    // These tasks are aborted with this one.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((client, _)) = socket.accept().await else {
            return;
        };
        let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else {
            return;
        };
        lock(&record).connections += 1;
        connections.spawn(pass(client, server, record.clone()));
    }
}

/// Carries one connection until one side closes it or it is cut.
async fn pass(mut client: TcpStream, mut server: TcpStream, record: Arc<Mutex<Record>>) {
    let (_, _) = (client.set_nodelay(true), server.set_nodelay(true));
    let mut wire = Wire::default();
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            // The server's bytes are handled first, because a flush is what follows an answer.
            biased;
            length = server.read(&mut from_server) => {
                let Ok(length @ 1..) = length else { return };
                wire.server_said(&from_server[..length], &record);
                if wire.silenced {
                    if wire.answered == wire.asked {
                        return;
                    }
                } else if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
            length = client.read(&mut from_client) => {
                let Ok(length @ 1..) = length else { return };
                match wire.client_said(&from_client[..length], &record) {
                    Some(Cut::Before(_)) => return,
                    Some(Cut::After(_)) => wire.silenced = true,
                    None => {}
                }
                if server.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The state of one connection.
#[derive(Debug, Default)]
struct Wire {
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    /// The start-up message has passed. It is the only message without a type.
    started: bool,
    /// The server's one-byte answer to the request for TLS is still to come.
    tls_asked: bool,
    /// The server is ready for statements.
    ready: bool,
    /// The last bytes came from the client.
    flushing: bool,
    /// The requests that the server answers with ReadyForQuery, and these answers. Logging in
    /// counts too.
    asked: usize,
    answered: usize,
    /// The server's answers no longer reach the client.
    silenced: bool,
}

const SSL_REQUEST: i32 = 80_877_103;

impl Wire {
    fn client_said(&mut self, bytes: &[u8], record: &Mutex<Record>) -> Option<Cut> {
        let mut record = lock(record);
        self.from_client.extend_from_slice(bytes);
        let mut statements = Vec::new();
        let mut ends = false;
        while let Some((kind, body)) = self.next_of_client() {
            match kind {
                b'Q' => {
                    self.asked += 1;
                    statements.push(texts(&body).remove(0));
                }
                b'P' => {
                    let mut texts = texts(&body);
                    let text = texts.remove(1);
                    record
                        .named
                        .extend(texts.pop().filter(|name| !name.is_empty()));
                    statements.push(text);
                }
                b'S' => self.asked += 1,
                b'X' => ends = true,
                _ => {}
            }
        }
        if ends {
            return None;
        }
        if !self.flushing {
            self.flushing = true;
            record.flushes.push(Flush {
                statements: Vec::new(),
                is_setup: !self.ready,
            });
        }
        let hit = record.cuts.pop_front_if(|cut| {
            let (Cut::Before(text) | Cut::After(text)) = cut;
            statements.iter().any(|statement| statement.contains(*text))
        });
        if let Some(flush) = record.flushes.last_mut() {
            flush.statements.extend(statements);
        }
        hit
    }

    fn server_said(&mut self, bytes: &[u8], record: &Mutex<Record>) {
        self.flushing = false;
        let mut bytes = bytes;
        if std::mem::take(&mut self.tls_asked) {
            assert_eq!(bytes[0], b'N', "a link carries no TLS");
            bytes = &bytes[1..];
        }
        self.from_server.extend_from_slice(bytes);
        while let Some((kind, body)) = message(&mut self.from_server) {
            match kind {
                b'Z' => {
                    self.answered += 1;
                    self.ready = true;
                }
                b'T' => lock(record).column_types.extend(column_types(&body)),
                _ => {}
            }
        }
    }

    /// Takes the client's next complete message: its type (0 if it has none) and its content.
    fn next_of_client(&mut self) -> Option<(u8, Vec<u8>)> {
        if self.started {
            return message(&mut self.from_client);
        }
        let length = length(&self.from_client)?;
        if self.from_client.len() < length {
            return None;
        }
        let body: Vec<u8> = self.from_client.drain(..length).skip(4).collect();
        if body.starts_with(&SSL_REQUEST.to_be_bytes()) {
            self.tls_asked = true;
        } else {
            self.started = true;
            // Logging in ends with ReadyForQuery too.
            self.asked += 1;
        }
        Some((0, body))
    }
}

/// Takes the next complete message: its type and its content.
fn message(buffer: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let length = length(buffer.get(1..)?)?;
    if buffer.len() <= length {
        return None;
    }
    let kind = buffer[0];
    Some((kind, buffer.drain(..=length).skip(5).collect()))
}

/// Returns a message's length, which includes the length field itself.
fn length(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..4)?.try_into().ok()?;
    usize::try_from(i32::from_be_bytes(bytes)).ok()
}

/// Returns up to two NUL-terminated texts from the beginning of a message.
fn texts(body: &[u8]) -> Vec<String> {
    body.split(|byte| *byte == 0)
        .take(2)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// Returns the type OIDs in a RowDescription.
fn column_types(body: &[u8]) -> Vec<u32> {
    let mut types = Vec::new();
    let mut rest = &body[2..];
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        // The fields are name, table, column number, type, size, modifier and format.
        let fields = &rest[end + 1..];
        types.push(u32::from_be_bytes(fields[6..10].try_into().unwrap()));
        rest = &fields[18..];
    }
    types
}
