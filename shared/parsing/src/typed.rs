//! Converts a document into a type, and finds all faults of the document.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::marker::PhantomData;

use errors::{Error, FieldError, MOST_FAULTS};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::expected::{Expectation, one_of};
use crate::fault::{Fault, FaultKind, Place, Received};
use crate::path::Path;
use crate::reader::{Node, Reading, StandIn};

/// The most values that are read to find faults, in all readings of a document. Finding a fault can take another
/// reading, so this limits the time.
const MOST_VALUES: usize = 200_000;

const REQUIRED: &str = "is required";

/// Converts a value into a type. Errors: the value doesn't fit. The error names every field at fault, below the
/// field `prefix`.
pub fn typed<T: DeserializeOwned>(value: &Value, prefix: &str) -> Result<T, Error> {
    checked(value, prefix, Vec::new(), |_, _| Ok(()))
}

/// Converts a value into a type, and checks what its fields say together. `check` also runs if fields are at
/// fault: others stand in for them, and what it says of them is left out. Errors: the value doesn't fit, or
/// `check` refuses it. The error names every field at fault, and `faults`.
pub fn checked<T: DeserializeOwned>(
    value: &Value,
    prefix: &str,
    faults: Vec<FieldError>,
    check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
) -> Result<T, Error> {
    let mut found = Found::default();
    let typed = found.read(Node::Json(value), &[]);
    let prefix = match prefix {
        "" => String::new(),
        name => format!("/{name}"),
    };
    found.conclude(typed, faults, check, |pointer, message| {
        FieldError::at(format!("{prefix}{pointer}"), message)
    })
}

/// Converts the parameters of a query into a type. `also` are further parameters that are known. Errors: as for
/// [`checked`].
pub(crate) fn parameters<T: DeserializeOwned>(
    pairs: &[(Cow<'_, str>, Cow<'_, str>)],
    also: &[&str],
    faults: Vec<FieldError>,
    check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
) -> Result<T, Error> {
    let mut found = Found::default();
    let typed = found.read(Node::Parameters(pairs), also);
    found.conclude(typed, faults, check, |pointer, message| {
        let name = pointer.trim_start_matches('/');
        FieldError::parameter(name.replace("~1", "/").replace("~0", "~"), message)
    })
}

/// A received value in words, without its content: `a string of 5 characters`.
pub fn received(value: &Value) -> String {
    Node::Json(value).received().to_string()
}

/// The fields and parameters that have the values that the caller sent.
#[derive(Debug)]
pub struct Sound<'a>(&'a [FieldError]);

impl Sound<'_> {
    /// Whether all these top-level fields or parameters are sound. If not, something stands in for a value at
    /// fault, so a rule about them says nothing.
    pub fn are(&self, names: &[&str]) -> bool {
        let is_at_fault = |name: &&str| {
            let field = FieldError::new(name, "");
            self.0
                .iter()
                .any(|fault| contains(&field, fault) || fault.parameter.as_deref() == Some(*name))
        };
        !names.iter().any(is_at_fault)
    }
}

/// The faults of a document.
#[derive(Default)]
struct Found {
    /// Pointers and messages, in the order in which they were found.
    faults: Vec<(String, String)>,
    stand_ins: BTreeMap<String, StandIn>,
    /// The number of values that were read.
    values: usize,
}

impl Found {
    /// Reads the document until no further fault is found. None if the type accepts nothing in place of a value
    /// at fault.
    fn read<T: DeserializeOwned>(&mut self, node: Node<'_>, also: &[&str]) -> Option<T> {
        loop {
            let stand_ins = std::mem::take(&mut self.stand_ins);
            let reading = Reading::new(&stand_ins);
            let read = reading.read(PhantomData::<T>, node, &Path::ROOT, false);
            let passed = reading.passed.take();
            self.values += reading.values.get();
            self.stand_ins = stand_ins;
            for (place, expectation) in passed {
                self.note(&place, &expectation);
            }
            match read {
                Ok(typed) => return Some(typed),
                Err(fault) => {
                    let is_enough = self.faults.len() >= MOST_FAULTS;
                    if is_enough || !self.learn(fault, also) || self.values > MOST_VALUES {
                        return None;
                    }
                }
            }
        }
    }

    /// Notes the fault, and what stands in for the value in the next reading. Returns false if the type refused
    /// that already.
    fn learn(&mut self, fault: Fault, also: &[&str]) -> bool {
        let Some(place) = fault.place else {
            return false;
        };
        match fault.kind {
            FaultKind::Unknown { known, names } => {
                let known = [known, also].concat();
                let message = match (known.as_slice(), also) {
                    ([], _) => "is not known here; expected none".to_owned(),
                    (known, _) => format!("is not known here; expected {}", one_of(known)),
                };
                let mut is_new = false;
                // The next reading finds the others, unless these are enough.
                for name in names.into_iter().take(MOST_FAULTS) {
                    let pointer = Path::ROOT.member(&name).to_string();
                    let pointer = format!("{}{pointer}", place.pointer);
                    is_new |= self.stand_in(&pointer, StandIn::Skipped);
                    self.add(pointer, message.clone());
                }
                is_new
            }
            FaultKind::Missing(name) => {
                let pointer = format!("{}/{name}", place.pointer);
                if place.received != Received::StandIn {
                    self.add(pointer.clone(), REQUIRED.to_owned());
                }
                self.stand_in(&pointer, StandIn::Simplest)
            }
            FaultKind::Expected(expectation) => {
                if !self.is_known_below(&place) {
                    self.note(&place, &expectation);
                }
                let stand_in = match expectation.example.clone() {
                    Some(example) => StandIn::Example(example),
                    None => StandIn::Simplest,
                };
                self.stand_in(&place.pointer, stand_in)
            }
        }
    }

    /// Notes what is expected at this place.
    fn note(&mut self, place: &Place, expectation: &Expectation) {
        let words = expectation.words();
        let message = match &place.received {
            Received::StandIn => {
                // A missing field is described by the type that a stand-in is made for.
                let missing =
                    |fault: &&mut (String, String)| fault.0 == place.pointer && fault.1 == REQUIRED;
                if let Some((_, message)) = self.faults.iter_mut().find(missing) {
                    *message = format!("{REQUIRED}; {words}");
                }
                return;
            }
            received @ Received::Text(_) if !expectation.fault.is_empty() => {
                format!("{words}; got {received} {}", expectation.fault)
            }
            // The received object is not the value of the field.
            _ if expectation.field.is_some() => words,
            received => format!("{words}; got {received}"),
        };
        let pointer = match &expectation.field {
            Some(field) => format!("{}/{field}", place.pointer),
            None => place.pointer.clone(),
        };
        self.add(pointer, message);
    }

    /// Whether a fault is known below this place. What an object with stand-ins is refused for isn't the
    /// caller's fault.
    fn is_known_below(&self, place: &Place) -> bool {
        let below = format!("{}/", place.pointer);
        self.faults
            .iter()
            .any(|(pointer, _)| pointer.starts_with(&below))
    }

    fn add(&mut self, pointer: String, message: String) {
        if self.faults.iter().all(|(known, _)| *known != pointer) {
            self.faults.push((pointer, message));
        }
    }

    fn stand_in(&mut self, pointer: &str, stand_in: StandIn) -> bool {
        let below = format!("{pointer}/");
        self.stand_ins.retain(|other, _| !other.starts_with(&below));
        let before = self.stand_ins.insert(pointer.to_owned(), stand_in.clone());
        match before {
            None => true,
            Some(before) => before == StandIn::Simplest && stand_in != StandIn::Simplest,
        }
    }

    /// The value, or all its faults: `faults`, the found ones, and those that `check` finds in other places.
    fn conclude<T>(
        self,
        typed: Option<T>,
        faults: Vec<FieldError>,
        check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
        fault: impl Fn(&str, &str) -> FieldError,
    ) -> Result<T, Error> {
        let found = self.faults.iter();
        let found: Vec<_> = found
            .map(|(pointer, message)| match message.as_str() {
                REQUIRED => fault(pointer, "is required; expected a value"),
                message => fault(pointer, message),
            })
            .collect();
        let refusal = typed
            .as_ref()
            .and_then(|typed| check(typed, &Sound(&found)).err());
        let mut all = [faults, found.clone()].concat();
        match refusal {
            Some(Error::Invalid(errors)) => {
                let stands_in =
                    |error: &FieldError| found.iter().any(|fault| contains(fault, error));
                all.extend(errors.into_iter().filter(|error| !stands_in(error)));
            }
            Some(other) if all.is_empty() => return Err(other),
            _ => {}
        }
        match (Error::all(all), typed) {
            (Some(error), _) => Err(error),
            (None, Some(typed)) => Ok(typed),
            (None, None) => Err(Error::Internal("a value was refused without a reason")),
        }
    }
}

/// Whether the first fault is in the place of the second, or in a value that contains it.
fn contains(outer: &FieldError, inner: &FieldError) -> bool {
    match (&outer.pointer, &inner.pointer) {
        (Some(outer), Some(inner)) => inner
            .strip_prefix(outer.as_str())
            .is_some_and(|below| below.is_empty() || below.starts_with('/')),
        _ => outer.parameter.is_some() && outer.parameter == inner.parameter,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use serde::{Deserialize, Deserializer};
    use serde_json::json;

    use super::*;
    use crate::expected::{expected, expected_field};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        id: Code,
        count: i32,
        #[serde(default)]
        list: Vec<Inner>,
        label: Option<Label>,
        inner: Inner,
        choice: Choice,
        rest: Option<std::collections::BTreeMap<String, Label>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        from: Code,
        flag: bool,
        note: Option<String>,
        number: Option<serde_json::Number>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Label {
        One,
        Two,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase", deny_unknown_fields)]
    enum Choice {
        Words(Code),
        Inner(Inner),
    }

    /// A text that begins with `c`.
    #[derive(Debug, PartialEq)]
    struct Code(String);

    impl<'de> Deserialize<'de> for Code {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            match text.starts_with('c') {
                true => Ok(Self(text)),
                false => Err(expected("a code", "c1")),
            }
        }
    }

    fn fit() -> Value {
        json!({
            "id": "c1",
            "count": 1,
            "list": [{"from": "c2", "flag": true, "number": 1.5}],
            "label": "ONE",
            "inner": {"from": "c3", "flag": false, "note": "x"},
            "choice": {"words": "c4"},
            "rest": {"a/b": "TWO"},
        })
    }

    fn faults(value: &Value) -> Vec<(String, String)> {
        match typed::<Outer>(value, "") {
            Err(Error::Invalid(errors)) => errors
                .into_iter()
                .map(|error| (error.pointer.unwrap(), error.message))
                .collect(),
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn all_faults_are_found_at_once() {
        let value = json!({
            "id": 7,
            "count": "zebrafish",
            "list": [
                {"from": "zebrafish", "flag": 1, "zebra/fish": null},
                [],
                {"from": "c", "flag": true, "number": "zebrafish"},
            ],
            "label": "ZEBRAFISH",
            "inner": {"note": false},
            "rest": {"a/b": "THREE"},
            "zebra": 1,
            "fish": 2,
        });
        let mut found = faults(&value);
        found.sort();
        let expected = [
            ("/choice", "is required; expected `words` or `inner`"),
            (
                "/count",
                "expected a whole number from -2147483648 to 2147483647, for example 1; got a string of 9 characters",
            ),
            (
                "/fish",
                "is not known here; expected one of `id`, `count`, `list`, `label`, `inner`, `choice`, `rest`",
            ),
            ("/id", "expected a code, for example c1; got a whole number"),
            ("/inner/flag", "is required; expected true or false"),
            (
                "/inner/from",
                "is required; expected a code, for example c1",
            ),
            ("/inner/note", "expected a string; got a boolean"),
            (
                "/label",
                "expected `ONE` or `TWO`; got a string of 9 characters",
            ),
            ("/list/0/flag", "expected true or false; got a whole number"),
            (
                "/list/0/from",
                "expected a code, for example c1; got a string of 9 characters",
            ),
            (
                "/list/0/zebra~1fish",
                "is not known here; expected one of `from`, `flag`, `note`, `number`",
            ),
            ("/list/1", "expected an object; got an array of 0 items"),
            (
                "/list/2/number",
                "expected a number, for example 1; got a string of 9 characters",
            ),
            (
                "/rest/a~1b",
                "expected `ONE` or `TWO`; got a string of 5 characters",
            ),
            (
                "/zebra",
                "is not known here; expected one of `id`, `count`, `list`, `label`, `inner`, `choice`, `rest`",
            ),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(pointer, message)| ((*pointer).to_owned(), (*message).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_very_large_document_is_read_only_until_enough_is_known() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Codes {
            codes: Vec<Code>,
            numbers: Vec<i32>,
        }
        let unknown = (0..60_000).map(|index| (format!("zebra{index}"), json!(1)));
        let unknown = Value::Object(unknown.collect());
        let sound = vec![json!("c"); 75_000];
        let late = [sound, vec![json!("zebrafish"); 200]].concat();
        for (document, least) in [
            (unknown, MOST_FAULTS),
            (json!({"codes": late, "numbers": []}), 1),
            (
                json!({"codes": [], "numbers": vec!["zebrafish"; 75_000]}),
                MOST_FAULTS,
            ),
            (
                json!({"codes": vec!["zebrafish"; 75_000], "numbers": []}),
                MOST_FAULTS,
            ),
        ] {
            let mut found = Found::default();
            let read: Option<Codes> = found.read(Node::Json(&document), &[]);
            let faults = found.faults.len();
            assert!(faults >= least && faults <= MOST_FAULTS + 1, "{faults}");
            // The last reading may go beyond the limit.
            assert!(found.values <= MOST_VALUES + 80_000, "{}", found.values);
            if let Some(read) = read {
                assert!(read.codes.is_empty() && read.numbers.len() == 75_000);
            }
        }
    }

    #[test]
    fn what_the_fields_say_together_is_checked_even_if_others_are_at_fault() {
        let check = |outer: &Outer, sound: &Sound<'_>| match outer.count {
            _ if !sound.are(&["count"]) => Ok(()),
            0 => Err(Error::invalid("label", "expected none if count is 0")),
            _ => Ok(()),
        };
        for (count, flag, pointers) in [
            (json!(0), json!(true), &["/label"][..]),
            (json!(0), json!(7), &["/inner/flag", "/label"]),
            (json!(1), json!(7), &["/inner/flag"]),
            (json!("x"), json!(7), &["/count", "/inner/flag"]),
        ] {
            let mut value = fit();
            value["count"] = count;
            value["inner"]["flag"] = flag;
            match checked(&value, "", Vec::new(), check) {
                Err(Error::Invalid(errors)) => {
                    let found: Vec<_> = errors
                        .iter()
                        .map(|error| error.pointer.as_deref().unwrap())
                        .collect();
                    assert_eq!(found, pointers);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_field_that_does_not_fit_the_others_is_named() {
        #[derive(Debug)]
        struct Pair;

        impl<'de> Deserialize<'de> for Pair {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match <[u8; 2]>::deserialize(deserializer) {
                    Ok([1, 2]) => Ok(Self),
                    _ => Err(expected_field("second", "2 after 1", json!([1, 2]))),
                }
            }
        }

        match typed::<Vec<Pair>>(&json!([[1, 2], [3, 4]]), "pairs") {
            Err(Error::Invalid(errors)) => assert_eq!(
                errors,
                [FieldError::at("/pairs/1/second", "expected 2 after 1")]
            ),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_names_a_limited_number_of_faults() {
        let value = Value::Array(vec![json!("zebrafish"); 10_000]);
        match typed::<Vec<Code>>(&value, "") {
            Err(Error::Invalid(errors)) => assert_eq!(errors.len(), MOST_FAULTS),
            other => panic!("{other:?}"),
        }
    }

    /// The pointers of all values below this one, and this one's.
    fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
        all.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    pointers(value, &format!("{at}/{}", name.replace('/', "~1")), all);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    let mut at = at.to_owned();
                    write!(at, "/{index}").unwrap();
                    pointers(value, &at, all);
                }
            }
            _ => {}
        }
    }

    proptest! {
        // An array fits one field, and an empty list another one; all other values differ from the fit ones.
        #[test]
        fn every_value_that_is_replaced_by_a_wrong_one_is_named(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
            let mut value = fit();
            let mut all = Vec::new();
            pointers(&value, "", &mut all);
            let mut replaced: Vec<String> = Vec::new();
            for pick in picks {
                let pointer = pick.get(&all).clone();
                let overlaps = |other: &String| other.starts_with(&pointer) || pointer.starts_with(other.as_str());
                if replaced.iter().any(overlaps) {
                    continue;
                }
                *value.pointer_mut(&pointer).unwrap() = json!([["zebrafish"]]);
                replaced.push(pointer);
            }
            let found = faults(&value);
            for pointer in &replaced {
                let is_named = |(named, _): &(String, String)| {
                    named == pointer || pointer == "/list" && named.starts_with("/list/0")
                };
                prop_assert!(found.iter().any(is_named), "{pointer} {found:?}");
            }
            prop_assert_eq!(found.len(), replaced.len(), "{:?}", found);
            prop_assert!(found.iter().all(|(_, message)| !message.contains("zebrafish")));
        }
    }
}
