//! Signed notes ([signed-note 1.0.0](https://c2sp.org/signed-note@v1.0.0)): a text with signature lines below it, and the
//! Ed25519 keys that verify them.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Failure;
use crate::codec::Malformed;
use crate::signer::Signer;

/// The longest note that is accepted, in bytes.
const LONGEST: usize = 1_000_000;

/// How many signatures a note may have. The specification demands at least 16.
const MOST_SIGNATURES: usize = 100;

/// What begins a signature line: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// A text and its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// Ed25519 over the text of the note: the signature of a log.
    Ed25519 = 0x01,
    /// Ed25519 over the time and the text of a checkpoint: the cosignature of a witness.
    CosignatureV1 = 0x04,
}

/// A public key with its name. As text it is a *vkey*: `NAME+ID+BASE64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    algorithm: Algorithm,
    public_key: [u8; 32],
}

/// A valid signature of a known key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The key.
    pub key: &'a VerifierKey,
    /// When a witness cosigned, in seconds since 1970. None for the signature of a log.
    pub time: Option<u64>,
}

impl Note {
    /// A note without signature. Errors: the text is empty, doesn't end with a newline, or has another control
    /// character.
    pub fn new(text: impl Into<String>) -> Result<Self, Malformed> {
        let text = text.into();
        if !text.ends_with('\n') || text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return Err(Malformed("the text of a note"));
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Parses a signed note. Errors: it isn't one, or has no signature, or more than 100.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > LONGEST {
            return Err(Malformed("a note has at most 1,000,000 bytes"));
        }
        let note = str::from_utf8(bytes).map_err(|_| Malformed("a note is UTF-8"))?;
        let (text, signatures) = note
            .rfind("\n\n")
            .map(|at| (&note[..=at], &note[at + 2..]))
            .ok_or(Malformed("a note has an empty line before its signatures"))?;
        let note = Self::new(text)?;
        let signatures = Signature::parse_lines(signatures)?;
        Ok(Self { signatures, ..note })
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether the note has a signature that names this key. It may be invalid.
    pub fn is_signed_by(&self, key: &VerifierKey) -> bool {
        self.signatures.iter().any(|signature| signature.is_of(key))
    }

    /// Adds a signature line, unless the note has it.
    pub fn add(&mut self, signature: Signature) {
        if !self.signatures.contains(&signature) {
            self.signatures.push(signature);
        }
    }

    /// Verifies all signatures of known keys, and ignores the others. Errors: none of the keys signed, or one of their
    /// signatures is invalid.
    pub fn verify<'a>(
        &self,
        known: impl IntoIterator<Item = &'a VerifierKey> + Clone,
    ) -> Result<Vec<Verified<'a>>, Malformed> {
        let mut verified: Vec<Verified<'a>> = Vec::new();
        for signature in &self.signatures {
            let key = known.clone().into_iter().find(|key| signature.is_of(key));
            // A second signature of one key adds nothing.
            let seen = |key| verified.iter().any(|seen| seen.key == key);
            if let Some(key) = key
                && !seen(key)
            {
                verified.push(signature.verify(&self.text, key)?);
            }
        }
        match verified.is_empty() {
            true => Err(Malformed("no known key signed the note")),
            false => Ok(verified),
        }
    }
}

impl fmt::Display for Note {
    /// The note as it is published.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| write!(f, "{signature}"))
    }
}

impl Signature {
    /// Signs a text as a log. Errors: the name isn't one of a key, or the signer can't sign.
    pub async fn sign(name: &str, text: &str, signer: &dyn Signer) -> Result<Self, Failure> {
        let key = VerifierKey::new(name, Algorithm::Ed25519, signer.public_key())?;
        let bytes = signer.sign(text.as_bytes()).await?.to_vec();
        Ok(Self::of(&key, bytes))
    }

    /// Cosigns the text of a checkpoint as a witness, at a time in seconds since 1970. Errors: as
    /// [`sign`](Self::sign).
    pub async fn cosign(
        name: &str,
        text: &str,
        time: u64,
        signer: &dyn Signer,
    ) -> Result<Self, Failure> {
        let key = VerifierKey::new(name, Algorithm::CosignatureV1, signer.public_key())?;
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend(signer.sign(cosigned(time, text).as_bytes()).await?);
        Ok(Self::of(&key, bytes))
    }

    /// Parses signature lines. Errors: there is none, there are more than 100, or one is malformed.
    pub fn parse_lines(lines: &str) -> Result<Vec<Self>, Malformed> {
        let lines = lines
            .strip_suffix('\n')
            .ok_or(Malformed("signature lines end with a newline"))?;
        let signatures: Vec<_> = lines
            .split('\n')
            .take(MOST_SIGNATURES + 1)
            .map(Self::parse)
            .collect::<Result<_, _>>()?;
        match signatures.len() > MOST_SIGNATURES {
            true => Err(Malformed("a note has at most 100 signatures")),
            false => Ok(signatures),
        }
    }

    fn parse(line: &str) -> Result<Self, Malformed> {
        let parts = line
            .strip_prefix(DASH)
            .and_then(|rest| rest.split_once(' '));
        let (name, encoded) = parts.ok_or(Malformed("a signature line"))?;
        check_name(name)?;
        let decoded = STANDARD
            .decode(encoded)
            .map_err(|_| Malformed("a signature line"))?;
        match decoded.split_first_chunk() {
            Some((id, bytes)) if !bytes.is_empty() => Ok(Self {
                name: name.to_owned(),
                id: u32::from_be_bytes(*id),
                bytes: bytes.to_vec(),
            }),
            _ => Err(Malformed("a signature line")),
        }
    }

    /// The id of the key.
    pub fn id(&self) -> u32 {
        self.id
    }

    fn of(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self {
            name: key.name.clone(),
            id: key.id(),
            bytes,
        }
    }

    fn is_of(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id()
    }

    fn verify<'a>(&self, text: &str, key: &'a VerifierKey) -> Result<Verified<'a>, Malformed> {
        let public = UnparsedPublicKey::new(&ED25519, key.public_key);
        let (valid, time) = match key.algorithm {
            Algorithm::Ed25519 => (public.verify(text.as_bytes(), &self.bytes), None),
            Algorithm::CosignatureV1 => {
                let (time, bytes) = self
                    .bytes
                    .split_first_chunk()
                    .ok_or(Malformed("a cosignature"))?;
                let time = u64::from_be_bytes(*time);
                if i64::try_from(time).is_err() {
                    return Err(Malformed("the time of a cosignature"));
                }
                (
                    public.verify(cosigned(time, text).as_bytes(), bytes),
                    Some(time),
                )
            }
        };
        valid.map_err(|_| Malformed("the signature of a known key is invalid"))?;
        Ok(Verified { key, time })
    }
}

impl fmt::Display for Signature {
    /// The signature line, with its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.id.to_be_bytes()[..], &self.bytes].concat());
        writeln!(f, "{DASH}{} {encoded}", self.name)
    }
}

impl VerifierKey {
    /// A key with this name. Errors: the name is empty, or has a plus sign, a space or a control character.
    pub fn new(name: &str, algorithm: Algorithm, public_key: [u8; 32]) -> Result<Self, Malformed> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            algorithm,
            public_key,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the key signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The Ed25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }

    /// The id that signature lines name.
    pub fn id(&self) -> u32 {
        let named = [self.name.as_bytes(), b"\n", &self.material()].concat();
        let hash = digest(&SHA256, &named);
        hash.as_ref()[..4]
            .iter()
            .fold(0, |id, byte| id << 8 | u32::from(*byte))
    }

    /// The algorithm and the public key.
    fn material(&self) -> Vec<u8> {
        [&[self.algorithm as u8][..], &self.public_key].concat()
    }
}

impl fmt::Display for VerifierKey {
    /// The vkey.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.id(),
            STANDARD.encode(self.material())
        )
    }
}

impl FromStr for VerifierKey {
    type Err = Malformed;

    /// Parses a vkey. Errors: it isn't one, its id doesn't fit, or it is of another algorithm.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = Malformed("a verifier key has the form NAME+ID+BASE64");
        let [name, id, material] = text.splitn(3, '+').collect::<Vec<_>>()[..] else {
            return Err(malformed);
        };
        let material = STANDARD.decode(material).map_err(|_| malformed)?;
        let (algorithm, public_key) = material.split_first().ok_or(malformed)?;
        let algorithm = match algorithm {
            0x01 => Algorithm::Ed25519,
            0x04 => Algorithm::CosignatureV1,
            _ => {
                return Err(Malformed(
                    "a verifier key is Ed25519 or a cosignature/v1 key",
                ));
            }
        };
        let public_key = public_key.try_into().map_err(|_| malformed)?;
        let key = Self::new(name, algorithm, public_key)?;
        match id == format!("{:08x}", key.id()) {
            true => Ok(key),
            false => Err(Malformed(
                "the id of a verifier key doesn't fit its name and key",
            )),
        }
    }
}

fn check_name(name: &str) -> Result<(), Malformed> {
    let refused = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
    match name.is_empty() || name.contains(refused) {
        true => Err(Malformed("the name of a key")),
        false => Ok(()),
    }
}

/// What a witness signs.
fn cosigned(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
