//! The checkpoints that an auditor kept: the object as it is, or the e-mail in which it came.

use std::fs;
use std::path::Path;

use mail_parser::MessageParser;
use transparency_log::Failure;
use transparency_log::checkpoint::Checkpoint;
use transparency_log::note::Note;

/// What begins a signature line.
const DASH: &str = "\u{2014}";

/// A checkpoint that the auditor kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it is called in a finding: the name of its file.
    pub name: String,
    /// The signed note.
    pub note: Note,
    /// The checkpoint in it.
    pub checkpoint: Checkpoint,
}

impl Kept {
    /// Reads a checkpoint, or the first one in a saved or copied e-mail. Errors: the file can't be read or has no
    /// checkpoint.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path)?;
        let (note, checkpoint) = match parse(&bytes) {
            Ok(read) => read,
            Err(failure) => in_mail(&bytes).ok_or(failure)?,
        };
        Ok(Self {
            name: path.display().to_string(),
            checkpoint,
            note,
        })
    }
}

fn parse(bytes: &[u8]) -> Result<(Note, Checkpoint), Failure> {
    let note = Note::parse(bytes)?;
    let checkpoint = Checkpoint::parse(note.text())?;
    Ok((note, checkpoint))
}

/// The first checkpoint in an e-mail: in its text as it is, or in a part of a saved e-mail, whose transfer encoding
/// (RFC 2045) is undone first.
fn in_mail(bytes: &[u8]) -> Option<(Note, Checkpoint)> {
    let whole = String::from_utf8_lossy(bytes);
    let mail = MessageParser::default().parse(bytes);
    let parts = mail
        .iter()
        .flat_map(|mail| (0..mail.text_body_count()).filter_map(|number| mail.body_text(number)));
    std::iter::once(whole)
        .chain(parts)
        .find_map(|text| in_text(&text))
}

/// The first checkpoint in a text. Programs for e-mail add text before and after it, quote lines, change the ends of
/// lines, and break lines at spaces. The signature shows whether the checkpoint is still the same.
fn in_text(text: &str) -> Option<(Note, Checkpoint)> {
    let lines = text.lines().map(unquoted);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.windows(4).enumerate().find_map(|(at, window)| {
        let [origin, size, root, signature] = window else {
            return None;
        };
        if !signature.starts_with(DASH) {
            return None;
        }
        let mut note = format!("{origin}\n{size}\n{root}\n\n");
        let mut words = lines[at + 3..]
            .iter()
            .flat_map(|line| line.split_whitespace());
        while words.next() == Some(DASH)
            && let (Some(name), Some(bytes)) = (words.next(), words.next())
        {
            note += &format!("{DASH} {name} {bytes}\n");
        }
        parse(note.as_bytes()).ok()
    })
}

/// The line without the marks of a quotation and the spaces around it.
fn unquoted(line: &str) -> &str {
    line.trim_start_matches(|mark: char| mark == '>' || mark.is_whitespace())
        .trim_end()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use transparency_log::note::Signature;
    use transparency_log::signer::FileSigner;

    use super::*;

    /// A checkpoint with the signature of its log and of a witness.
    async fn note() -> Note {
        let folder = tempfile::tempdir().unwrap();
        let signer = FileSigner::open_or_generate(&folder.path().join("key")).unwrap();
        let checkpoint = Checkpoint {
            origin: "example.org/caretrail/audit".to_owned(),
            size: 1234,
            root: [7; 32],
        };
        let mut note = checkpoint.sign(&signer).await.unwrap();
        let cosigned = Signature::cosign("witness.example", note.text(), 1_767_776_703, &signer);
        note.add(cosigned.await.unwrap());
        note
    }

    fn open(bytes: &[u8]) -> Result<Note, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        Kept::open(file.path()).map(|kept| kept.note)
    }

    /// The content of a mail as SNS sends it.
    fn mail(note: &Note) -> String {
        format!(
            "This is a checkpoint.\nKeep this e-mail.\n\n{note}\n\n--\nTo stop these notifications, visit:\n\
             https://sns.example/unsubscribe?x=1&y=2\n"
        )
    }

    /// Quoted-printable (RFC 2045, 6.7).
    fn quoted_printable(text: &str) -> String {
        let mut encoded = String::new();
        for line in text.lines() {
            let mut length = 0;
            for byte in line.bytes() {
                let piece = match byte {
                    b' '..=b'~' if byte != b'=' => char::from(byte).to_string(),
                    _ => format!("={byte:02X}"),
                };
                if length + piece.len() > 75 {
                    encoded += "=\r\n";
                    length = 0;
                }
                length += piece.len();
                encoded += &piece;
            }
            encoded += "\r\n";
        }
        encoded
    }

    /// Breaks lines at spaces.
    fn wrapped(text: &str) -> String {
        let lines = text.lines().map(|line| match line.len() {
            ..=72 => line.to_owned(),
            _ => line.replace(' ', "\n"),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn a_checkpoint_is_read_as_it_is_and_out_of_an_e_mail() {
        let note = note().await;
        let text = mail(&note);
        let quoted: String = text.lines().map(|line| format!("> > {line}\r\n")).collect();
        let head = "From: sns@example.org\r\nSubject: Checkpoint\r\nMIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: ";
        let base64 = BASE64_STANDARD.encode(text.replace('\n', "\r\n"));
        let base64: String = base64
            .as_bytes()
            .chunks(76)
            .map(|line| format!("{}\r\n", str::from_utf8(line).unwrap()))
            .collect();
        let printable = quoted_printable(&text);
        let parts = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\
             Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             {printable}\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--b--\r\n"
        );
        for (form, bytes) in [
            ("the object", note.to_string()),
            ("with CRLF", note.to_string().replace('\n', "\r\n")),
            ("copied", text.clone()),
            (
                "without its last newline",
                note.to_string().trim_end().to_owned(),
            ),
            ("with doubled newlines", text.replace('\n', "\n\n")),
            ("quoted", quoted),
            ("wrapped", wrapped(&text)),
            ("saved, 8bit", format!("{head}8bit\r\n\r\n{text}")),
            (
                "saved, quoted-printable",
                format!("{head}quoted-printable\r\n\r\n{printable}"),
            ),
            ("saved, base64", format!("{head}base64\r\n\r\n{base64}")),
            ("saved, with parts", parts),
        ] {
            let read = open(bytes.as_bytes());
            assert_eq!(read.ok().as_ref(), Some(&note), "{form}:\n{bytes}");
        }
    }

    #[tokio::test]
    async fn a_text_without_a_whole_checkpoint_is_refused() {
        let note = note().await;
        let text = mail(&note);
        for (what, bytes) in [
            ("empty", String::new()),
            ("no checkpoint", "Hello,\n\n1\n\n\u{2014} Ada\n".to_owned()),
            ("no size", text.replace("1234\n", "")),
            ("no signature", text.replace(DASH, "-")),
            ("cut", text[..text.find(DASH).unwrap() + 10].to_owned()),
        ] {
            assert!(open(bytes.as_bytes()).is_err(), "{what}");
        }
    }
}
