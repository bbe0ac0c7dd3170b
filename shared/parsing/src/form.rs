//! Parses a query string (`application/x-www-form-urlencoded`).

use std::borrow::Cow;

use errors::{Error, FieldError};
use serde::de::DeserializeOwned;

use crate::typed::{Sound, parameters};

/// Parses a query string into a type. `elsewhere` names the parameters that something else reads: they
/// are known, and ignored here. `check` checks what the parameters say together. Errors: parameters are unknown,
/// missing, repeated or not of their types, or `check` refuses them.
pub fn form<T: DeserializeOwned>(
    query: &str,
    elsewhere: &[&str],
    check: impl FnOnce(&T, &Sound<'_>) -> Result<(), Error>,
) -> Result<T, Error> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    let mut faults = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if elsewhere.contains(&name.as_ref()) {
            continue;
        }
        match pairs.iter().any(|(known, _)| *known == name) {
            false => pairs.push((name, value)),
            true => faults.push(FieldError::parameter(
                name,
                "appears more than once; expected it once",
            )),
        }
    }
    parameters(&pairs, elsewhere, faults, check)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        text: Option<String>,
        count: Option<u8>,
        #[serde(default)]
        flag: bool,
        label: Option<Label>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "UPPERCASE")]
    enum Label {
        One,
        Two,
    }

    #[test]
    fn each_parameter_is_read_as_its_type() {
        let filter: Filter = form(
            "text=a%20b%2Bc+d&count=7&flag=true&label=ONE",
            &[],
            |_, _| Ok(()),
        )
        .unwrap();
        let expected = Filter {
            text: Some("a b+c d".to_owned()),
            count: Some(7),
            flag: true,
            label: Some(Label::One),
        };
        assert_eq!(filter, expected);
        assert_eq!(
            form::<Filter>("", &[], |_, _| Ok(())).unwrap(),
            Filter::default()
        );
        let other = form::<Filter>("other=1", &["other"], |_, _| Ok(())).unwrap();
        assert_eq!(other, Filter::default());
    }

    #[test]
    fn every_parameter_at_fault_is_named_and_its_value_is_not() {
        for (query, faults) in [
            (
                "count=zebrafish",
                &[(
                    "count",
                    "expected a whole number from 0 to 255, for example 1; got a string of 9 characters",
                )][..],
            ),
            (
                "count=256&flag=yes",
                &[
                    (
                        "count",
                        "expected a whole number from 0 to 255, for example 1; got a string of 3 characters",
                    ),
                    (
                        "flag",
                        "expected true or false; got a string of 3 characters",
                    ),
                ],
            ),
            (
                "label=THREE",
                &[(
                    "label",
                    "expected `ONE` or `TWO`; got a string of 5 characters",
                )],
            ),
            (
                "text=a&text=b",
                &[("text", "appears more than once; expected it once")],
            ),
            (
                "zebra~fish=1&a%2Fb=2&count=",
                &[
                    (
                        "zebra~fish",
                        "is not known here; expected one of `text`, `count`, `flag`, `label`, `limit`",
                    ),
                    (
                        "a/b",
                        "is not known here; expected one of `text`, `count`, `flag`, `label`, `limit`",
                    ),
                    (
                        "count",
                        "expected a whole number from 0 to 255, for example 1; got a string of 0 characters",
                    ),
                ],
            ),
        ] {
            match form::<Filter>(query, &["limit"], |_, _| Ok(())) {
                Err(Error::Invalid(errors)) => {
                    let found: Vec<_> = errors
                        .iter()
                        .map(|error| (error.parameter.as_deref().unwrap(), error.message.as_str()))
                        .collect();
                    assert_eq!(found, faults, "{query}");
                }
                other => panic!("{query}: {other:?}"),
            }
        }
    }
}
