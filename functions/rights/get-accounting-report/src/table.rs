//! The entries as words and as comma-separated values.

use csv::Writer;
use domain::accounting::AccountingEntry;

const HEADINGS: [&str; 10] = [
    "disclosed_on",
    "last_on",
    "times",
    "frequency",
    "recipient_name",
    "recipient_address",
    "description",
    "purpose",
    "request_file_id",
    "basis",
];

/// The entries as comma-separated values (RFC 4180). None if they can't be written.
pub fn csv(entries: &[AccountingEntry]) -> Option<String> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(HEADINGS).ok()?;
    for entry in entries {
        let cells = [
            entry.disclosed_on.to_string(),
            entry.last_on.map(|day| day.to_string()).unwrap_or_default(),
            entry
                .times
                .map(|times| times.to_string())
                .unwrap_or_default(),
            entry.frequency.clone().unwrap_or_default(),
            entry.recipient_name.clone(),
            entry.recipient_address.clone().unwrap_or_default(),
            entry.description.clone(),
            entry.purpose.clone().unwrap_or_default(),
            entry
                .request_file_id
                .map(|file| file.to_string())
                .unwrap_or_default(),
            entry
                .basis
                .map(|basis| basis.label().to_owned())
                .unwrap_or_default(),
        ];
        writer.write_record(cells.map(harmless)).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

/// The day or the days of an entry in words.
pub fn days(entry: &AccountingEntry) -> String {
    let first = entry.disclosed_on;
    match (entry.last_on, entry.times, &entry.frequency) {
        (None, ..) => first.to_string(),
        (Some(last), Some(times), None) => format!("{times} times, first {first}, last {last}"),
        (Some(last), Some(times), Some(often)) => {
            format!("{times} times ({often}), first {first}, last {last}")
        }
        (Some(last), None, Some(often)) => format!("{often}, first {first}, last {last}"),
        (Some(last), None, None) => format!("first {first}, last {last}"),
    }
}

/// The purpose of an entry, or that a copy of the request stands for it.
pub fn purpose(entry: &AccountingEntry) -> String {
    match (&entry.purpose, entry.request_file_id) {
        (Some(purpose), _) => purpose.clone(),
        (None, Some(file)) => format!("See the copy of the request: file {file}"),
        (None, None) => String::new(),
    }
}

/// A spreadsheet takes a cell that begins so for a formula, which could call out or run a program.
fn harmless(cell: String) -> String {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{cell}"),
        false => cell,
    }
}
