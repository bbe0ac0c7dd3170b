//! Parses one JSON value with errors that may be shown.

use serde::Deserialize;
use serde_ignored::Path;
use serde_json::value::RawValue;

/// Parses one value. The error names the field but not its content.
pub fn typed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    Ok(typed_with_rest(raw)?.0)
}

/// [`typed`], with the paths of the elements that the type has no field for, such as `name.prefix`.
pub fn typed_with_rest<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
) -> Result<(T, Vec<String>), String> {
    let mut rest = Vec::new();
    let json = &mut serde_json::Deserializer::from_str(raw.get());
    let mut keep = |path: Path<'_>| rest.push(dotted(&path));
    let parsed =
        serde_path_to_error::deserialize(serde_ignored::Deserializer::new(json, &mut keep));
    let value = parsed.map_err(|error| {
        let message = error.inner().to_string();
        let path = error.path().to_string();
        match message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        {
            Some(field) if path == "." => format!("lacks {field}"),
            Some(field) => format!("lacks {path}.{field}"),
            None => format!("{path} isn't valid in FHIR R4"),
        }
    })?;
    Ok((value, rest))
}

/// The paths that are left if two types are parsed from one value: those that neither has a field for.
pub fn beyond_both(one: Vec<String>, other: Vec<String>) -> Vec<String> {
    let within = |path: &str, above: &str| {
        let rest = path.strip_prefix(above);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    let deeper = other
        .iter()
        .filter(|path| one.iter().any(|it| within(path, it)));
    let deeper: Vec<_> = deeper.cloned().collect();
    let beyond_other = |path: &String| other.iter().any(|it| it == path || within(path, it));
    let mut both: Vec<_> = one.into_iter().filter(beyond_other).collect();
    both.extend(deeper);
    both
}

/// The names of the path without the places in lists.
fn dotted(path: &Path<'_>) -> String {
    match path {
        Path::Root => String::new(),
        Path::Map { parent, key } => match dotted(parent) {
            above if above.is_empty() => key.clone(),
            above => format!("{above}.{key}"),
        },
        Path::Seq { parent, .. }
        | Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => dotted(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_left_if_neither_type_has_a_field_for_it() {
        let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let left = beyond_both(
            paths(&["photo", "name.prefix", "value", "valueSet", "gender"]),
            paths(&["photo", "name", "value.system", "valueSet"]),
        );
        let expected: Vec<String> = paths(&["photo", "name.prefix", "valueSet", "value.system"]);
        assert_eq!(left, expected);
    }
}
