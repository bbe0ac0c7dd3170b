//! A proxy between the functions and the database. It counts the flushes, and breaks or silences the
//! connection where a test says so.
//!
//! It parses the passing PostgreSQL protocol (version 3) as far as it needs to recognise statements
//! and the end of an answer.

use std::collections::{BTreeMap, VecDeque};
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

/// The point where the connection breaks or falls silent. A silent connection stays open on both sides,
/// and nothing passes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It breaks before the flush reaches the server that holds a statement with this text, or the name of one.
    Before(&'static str),
    /// It breaks after the server has executed that flush, before its answer reaches the function.
    After(&'static str),
    /// It falls silent where [`Before`](Self::Before) breaks.
    SilentBefore(&'static str),
    /// It falls silent where [`After`](Self::After) breaks.
    SilentAfter(&'static str),
}

/// A direction of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// What the functions send.
    Server,
    /// What PostgreSQL answers.
    Function,
}

/// What happens to a connection after a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Both sides are closed.
    Break,
    /// Both sides stay open, and nothing passes any more.
    Silence,
}

/// A fault after this number of bytes in one direction, over all connections.
#[derive(Debug, Clone, Copy)]
struct Limit {
    toward: Toward,
    left: usize,
    fault: Fault,
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
    limit: Option<Limit>,
    /// The number of new connections that break at once.
    refusals: usize,
    /// The number that break after the last cut.
    refusals_after_cuts: usize,
    /// Whether new connections are silent from the start.
    is_silent: bool,
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
        let record = self.lock();
        record.cuts.is_empty() && record.limit.is_none()
    }

    /// Makes the connection break or fall silent that passes the `bytes`th byte from now on.
    pub fn fault_after(&self, toward: Toward, bytes: usize, fault: Fault) {
        self.lock().limit = Some(Limit {
            toward,
            left: bytes,
            fault,
        });
    }

    /// Breaks the connection at this point, and then this number of new connections at once, as if the
    /// database couldn't be reached.
    pub fn cut_and_refuse(&self, cut: Cut, connections: usize) {
        let mut record = self.lock();
        record.cuts.push_back(cut);
        record.refusals_after_cuts = connections;
    }

    /// Returns how many of the connections to refuse are still to come.
    pub fn refusals_left(&self) -> usize {
        self.lock().refusals
    }

    /// Makes new connections silent from the start, as if the database's machine had disappeared.
    pub fn silence(&self, is_silent: bool) {
        self.lock().is_silent = is_silent;
    }

    /// Makes no more faults.
    pub fn mend(&self) {
        let mut record = self.lock();
        record.cuts.clear();
        record.limit = None;
        record.refusals = 0;
        record.refusals_after_cuts = 0;
        record.is_silent = false;
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
        let is_silent = {
            let mut record = lock(&record);
            if record.refusals > 0 {
                record.refusals = record.refusals.saturating_sub(1);
                continue;
            }
            record.connections += 1;
            record.is_silent
        };
        let record = record.clone();
        connections.spawn(async move {
            match is_silent {
                true => stay_silent(client, server).await,
                false => pass(client, server, record).await,
            }
        });
    }
}

/// Carries one connection until one side closes it or there is a fault.
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
                if let Some(after) = wire.held {
                    if wire.answered == wire.asked {
                        return end(after, client, server).await;
                    }
                    continue;
                }
                let (length, fault) = allowed(&record, Toward::Function, length);
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
                if let Some(fault) = fault {
                    return end(fault, client, server).await;
                }
            }
            length = client.read(&mut from_client) => {
                let Ok(length @ 1..) = length else { return };
                match wire.client_said(&from_client[..length], &record) {
                    Some(Cut::Before(_)) => return,
                    Some(Cut::SilentBefore(_)) => return stay_silent(client, server).await,
                    Some(Cut::After(_)) => wire.held = Some(Fault::Break),
                    Some(Cut::SilentAfter(_)) => wire.held = Some(Fault::Silence),
                    None => {}
                }
                let (length, fault) = allowed(&record, Toward::Server, length);
                if server.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
                if let Some(fault) = fault {
                    return end(fault, client, server).await;
                }
            }
        }
    }
}

/// Returns how many of these bytes may pass, and the fault after them.
fn allowed(record: &Mutex<Record>, toward: Toward, length: usize) -> (usize, Option<Fault>) {
    let mut record = lock(record);
    match &mut record.limit {
        Some(limit) if limit.toward == toward => {
            let (left, fault) = (limit.left, limit.fault);
            limit.left = left.saturating_sub(length);
            if left > length {
                return (length, None);
            }
            record.limit = None;
            (left, Some(fault))
        }
        _ => (length, None),
    }
}

async fn end(fault: Fault, client: TcpStream, server: TcpStream) {
    if fault == Fault::Silence {
        stay_silent(client, server).await;
    }
}

/// Swallows all bytes. The server's side stays open even after the function has closed its own, because
/// the server learns of nothing.
async fn stay_silent(mut client: TcpStream, server: TcpStream) {
    let mut swallowed = vec![0; 1 << 16];
    while let Ok(1..) = client.read(&mut swallowed).await {}
    drop(client);
    let _server = server;
    std::future::pending::<()>().await;
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
    /// The texts of the named statements.
    names: BTreeMap<String, String>,
    /// The requests that the server answers with ReadyForQuery, and these answers. Logging in
    /// counts too.
    asked: usize,
    answered: usize,
    /// The server's answers no longer reach the client. Once all are given, this happens.
    held: Option<Fault>,
}

const SSL_REQUEST: i32 = 80_877_103;

impl Wire {
    fn client_said(&mut self, bytes: &[u8], record: &Mutex<Record>) -> Option<Cut> {
        let mut record = lock(record);
        self.from_client.extend_from_slice(bytes);
        let mut statements = Vec::new();
        let mut by_name = Vec::new();
        let mut ends = false;
        while let Some((kind, body)) = self.next_of_client() {
            match kind {
                b'Q' => {
                    self.asked += 1;
                    statements.push(texts(&body).remove(0));
                }
                b'P' => {
                    let mut texts = texts(&body);
                    let (text, name) = (texts.remove(1), texts.remove(0));
                    if !name.is_empty() {
                        record.named.push(name.clone());
                        self.names.insert(name, text.clone());
                    }
                    statements.push(text);
                }
                // A bind names its portal and its statement.
                b'B' => by_name.extend(self.names.get(&texts(&body)[1]).cloned()),
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
            let (Cut::Before(text)
            | Cut::After(text)
            | Cut::SilentBefore(text)
            | Cut::SilentAfter(text)) = cut;
            let mut sent = statements.iter().chain(&by_name);
            sent.any(|statement| statement.contains(*text))
        });
        if hit.is_some() && record.cuts.is_empty() {
            record.refusals = std::mem::take(&mut record.refusals_after_cuts);
        }
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
