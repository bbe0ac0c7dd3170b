//! A package can be read by other programs, says what it holds, and notices when a file isn't what it should be.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use chart_export::{Buffer, Omission, Package, Section, file_path};
use sample_charts::{Sample, complete};
use serde_json::Value;

fn package(omissions: &[Omission]) -> BTreeMap<String, Vec<u8>> {
    let out = sample_charts::write(&complete(), "the patient", omissions, Vec::new()).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(out)).unwrap();
    let mut members = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.insert(member.name().unwrap().into_owned(), bytes);
    }
    members
}

fn summary() -> String {
    String::from_utf8(package(&[]).remove("summary.html").unwrap()).unwrap()
}

#[test]
fn the_manifest_lists_each_member_with_size_and_hash() {
    let members = package(&[]);
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    let listed = manifest["members"].as_array().unwrap();
    assert_eq!(listed.len(), members.len() - 1);
    for entry in listed {
        let bytes = &members[entry["path"].as_str().unwrap()];
        assert_eq!(entry["size"], bytes.len());
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        assert_eq!(entry["sha256"], hex::encode(hash.as_ref()));
    }
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    let write = || sample_charts::write(&complete(), "the patient", &[], Vec::new()).unwrap();
    assert_eq!(write(), write());
}

#[test]
fn a_name_of_a_file_is_safe_on_every_system() {
    let Sample { files, .. } = complete();
    let path = file_path(&files[0].0);
    assert_eq!(path, format!("files/{}-___ber_letter_.txt", files[0].0.id));
    assert!(path.is_ascii() && !path.contains(".."));
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_noticed() {
    let sample = complete();
    let mut package =
        Package::begin(Vec::new(), sample_charts::about(&sample, "the patient")).unwrap();
    let mut file = package.file(&sample.files[0].0).unwrap();
    file.write(b"Dear colleaguE").unwrap();
    assert!(file.finish().is_err());
    let mut file = package.file(&sample.files[1].0).unwrap();
    file.write(b"too short").unwrap();
    assert!(file.finish().is_err());
}

#[test]
fn text_of_the_record_is_never_markup() {
    let summary = summary();
    assert!(!summary.contains("<b>Not bold</b>"));
    assert!(summary.contains("Not bold"));
    assert!(!summary.contains("<script"));
    assert!(summary.contains("Äußerst zufrieden 👍"));
}

#[test]
fn the_summary_says_what_is_left_out_and_why() {
    assert!(summary().contains("Nothing is left out."));
    let omission = Omission {
        entries: 2,
        ground: "they are psychotherapy notes.".to_owned(),
        review: None,
    };
    let members = package(&[omission]);
    let summary = String::from_utf8_lossy(&members["summary.html"]);
    assert!(
        summary.contains("2 entries are left out on the ground that they are psychotherapy notes.")
    );
    assert!(!summary.contains("Nothing is left out."));
}

#[test]
fn statements_about_an_entry_are_beside_it() {
    let summary = summary();
    let entry = summary.find("Hypertension").unwrap();
    let next = summary.find("High blood pressure, as").unwrap();
    for said in [
        "Please remove it.",
        "I disagree.",
        "Two tests confirm it.",
        "It began in June 2020.",
    ] {
        let at = summary.find(said).unwrap();
        assert!(entry < at && at < next, "{said}");
    }
}

#[test]
fn what_does_not_hold_says_so() {
    let summary = summary();
    for (entry, warning) in [
        ("Gout", "Entered in error: this does not hold."),
        ("Latex", "Entered in error: this does not hold."),
        ("Tetanus", "This was not done."),
    ] {
        let (_, after) = summary.split_once(&format!(">{entry}<")).unwrap();
        let row = after.split("</tr>").next().unwrap();
        assert!(row.contains(warning), "{entry}");
    }
}

#[test]
fn entries_in_the_wrong_part_are_refused() {
    let sample = complete();
    let mut package =
        Package::begin(Vec::new(), sample_charts::about(&sample, "the patient")).unwrap();
    let mut summary = package.summary(&sample.patient, None, &[], &[]).unwrap();
    assert!(summary.section(Section::Files).is_err());
    summary.section(Section::Problems).unwrap();
    assert!(summary.visit(&sample.visits[0], &[]).is_err());
    let note = sample
        .records
        .iter()
        .find(|it| it.record_type.label() == "NOTE");
    assert!(summary.record(note.unwrap(), &[]).is_err());
    assert!(summary.section(Section::Problems).is_err());
}

#[test]
fn what_is_written_can_be_taken_while_more_is_written() {
    let buffer = Buffer::default();
    let sample = complete();
    let whole = sample_charts::write(&sample, "the patient", &[], Vec::new()).unwrap();
    let mut taken = Vec::new();
    struct Taking<'a>(Buffer, &'a mut Vec<u8>);
    impl std::io::Write for Taking<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            std::io::Write::write_all(&mut self.0, bytes)?;
            if self.0.len() > 1000 {
                self.1.extend(self.0.take());
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    sample_charts::write(
        &sample,
        "the patient",
        &[],
        Taking(buffer.clone(), &mut taken),
    )
    .unwrap();
    taken.extend(buffer.take());
    assert!(buffer.is_empty());
    assert_eq!(taken, whole);
}

/// The job that makes packages waits for other things meanwhile, so each part of a package can move to another thread.
#[test]
fn a_package_can_move_to_another_thread() {
    fn moves<T: Send>() {}
    moves::<Package<Buffer>>();
    moves::<chart_export::Bundle<'_, Buffer>>();
    moves::<chart_export::Summary<'_, Buffer>>();
    moves::<chart_export::FileBytes<'_, Buffer>>();
}
