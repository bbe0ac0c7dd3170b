//! The bytes of a file, read forwards.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;
use std::sync::mpsc::Receiver;

/// The file is incomplete or lacks what its type requires.
#[derive(Debug)]
pub(super) struct Broken;

impl Broken {
    pub(super) fn unless(sound: bool) -> Result<(), Self> {
        if sound { Ok(()) } else { Err(Self) }
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// The bytes of a file, received in chunks and read forwards.
pub(super) struct Source {
    chunks: Receiver<Vec<u8>>,
    chunk: Vec<u8>,
    taken: usize,
    position: u64,
    allowance: Allowance,
}

/// How many bytes may still be read. It keeps a parser from collecting a whole file in memory.
#[derive(Clone)]
pub(super) struct Allowance(Rc<Cell<u64>>);

impl Allowance {
    pub(super) fn set(&self, bytes: u64) {
        self.0.set(bytes);
    }
}

impl Source {
    pub(super) fn new(chunks: Receiver<Vec<u8>>) -> Self {
        Self {
            chunks,
            chunk: Vec::new(),
            taken: 0,
            position: 0,
            allowance: Allowance(Rc::new(Cell::new(u64::MAX))),
        }
    }

    /// The number of bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn allowance(&self) -> Allowance {
        self.allowance.clone()
    }

    pub(super) fn at_end(&mut self) -> Result<bool, Broken> {
        Ok(self.fill_buf()?.is_empty())
    }

    /// Reads the next bytes. Errors: the file ends before. The same holds for the methods below.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Broken> {
        self.bytes().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Broken> {
        self.bytes().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        self.bytes().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        self.bytes().map(u64::from_be_bytes)
    }

    pub(super) fn skip(&mut self, bytes: u64) -> Result<(), Broken> {
        self.each(bytes, |_| ())
    }

    /// Passes the next bytes to `see`, in pieces.
    pub(super) fn each(&mut self, bytes: u64, mut see: impl FnMut(&[u8])) -> Result<(), Broken> {
        let mut left = bytes;
        while left > 0 {
            let available = self.fill_buf()?;
            Broken::unless(!available.is_empty())?;
            let length = available
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            see(&available[..length]);
            self.consume(length);
            left -= length as u64;
        }
        Ok(())
    }

    /// Reads to the end. Returns the size of the file in bytes.
    pub(super) fn finish(&mut self) -> Result<u64, Broken> {
        loop {
            let length = self.fill_buf()?.len();
            if length == 0 {
                return Ok(self.position);
            }
            self.consume(length);
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(into)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.allowance.0.get() == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        while self.taken == self.chunk.len() {
            match self.chunks.recv() {
                Ok(chunk) => (self.chunk, self.taken) = (chunk, 0),
                Err(_) => break,
            }
        }
        Ok(&self.chunk[self.taken..])
    }

    fn consume(&mut self, length: usize) {
        self.taken += length;
        self.position += length as u64;
        let left = self.allowance.0.get();
        self.allowance.set(left.saturating_sub(length as u64));
    }
}
