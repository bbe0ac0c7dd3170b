//! The functions that events and schedules start and that write audit rows.

use std::collections::HashSet;

/// The names of functions.
pub struct EventFunctions(HashSet<String>);

impl EventFunctions {
    /// Parses names that are separated by commas.
    pub fn parse(text: &str) -> Self {
        let names = text.split(',').map(str::trim);
        Self(names.map(str::to_owned).collect())
    }

    /// Whether one of these functions writes to this stream. Lambda names the streams of a log group of several functions
    /// `YYYY/MM/DD/FUNCTION[VERSION]INSTANCE`.
    pub fn write_to(&self, stream: &str) -> bool {
        let name = stream.splitn(4, '/').nth(3);
        let name = name.and_then(|rest| Some(rest.split_once('[')?.0));
        name.is_some_and(|name| self.0.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_belongs_to_the_function_that_it_names() {
        let functions = EventFunctions::parse("process-upload,stack-ExpireUploads-1AB");
        for (stream, expected) in [
            ("2026/11/26/process-upload[$LATEST]0a1b", true),
            ("2026/11/26/stack-ExpireUploads-1AB[7]0a1b", true),
            ("2026/11/26/get-patient[$LATEST]0a1b", false),
            ("2026/11/26/process-upload-2[$LATEST]0a1b", false),
            ("2026/11/26/[$LATEST]0a1b", false),
            ("", false),
        ] {
            assert_eq!(functions.write_to(stream), expected, "{stream}");
        }
    }
}
