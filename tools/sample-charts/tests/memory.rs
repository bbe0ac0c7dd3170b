//! A long chart is written in little memory. Nothing else runs in this process, whose peak is measured.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{self, Write};

use chart_export::{Package, Section};
use sample_charts::{complete, id_of};
use uuid::Uuid;

const ENTRIES: usize = 10_000;
/// The bytes of one file. `LARGE_FILE=2147483648` tests a large one, and `PACKAGE=PATH` keeps the package.
const FILE: u64 = 32 << 20;

/// The most memory that the process had, in MiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024
}

#[test]
fn ten_thousand_entries_and_a_large_file_take_less_than_64_mib() {
    let mut sample = complete();
    let out: Box<dyn Write> = match std::env::var_os("PACKAGE") {
        Some(path) => Box::new(File::create(path).unwrap()),
        None => Box::new(io::sink()),
    };
    let mut package = Package::begin(out, sample_charts::about(&sample, "the patient")).unwrap();
    let began = peak();

    let kinds = sample.records.len();
    let mut bundle = package.bundle().unwrap();
    bundle.patient(&sample.patient, None, &[]).unwrap();
    for index in 0..ENTRIES {
        let record = &mut sample.records[index % kinds];
        record.id = Uuid::from_u128(index as u128).into();
        bundle.record(record, &[]).unwrap();
    }
    bundle.finish().unwrap();

    let mut summary = package.summary(&sample.patient, None, &[], &[]).unwrap();
    for section in Section::ALL {
        summary.section(section).unwrap();
        let of = section.record_types();
        for index in 0..ENTRIES {
            let record = &sample.records[index % kinds];
            if of.contains(&record.record_type) {
                summary.record(record, &[]).unwrap();
            }
        }
    }
    summary.finish().unwrap();

    let size = std::env::var("LARGE_FILE").map_or(FILE, |size| size.parse().unwrap());
    let mut file = sample.files.remove(1).0;
    file.id = id_of("large file").into();
    file.file_size = size.try_into().unwrap();
    let mut member = package.file(&file).unwrap();
    let chunk = vec![7; 1 << 20];
    for _ in 0..size >> 20 {
        member.write(&chunk).unwrap();
    }
    // Its hash isn't the one of the metadata.
    assert!(member.finish().is_err());
    package.finish().unwrap();

    let peak = peak();
    assert!(peak < 64, "{began} MiB became {peak} MiB");
}
