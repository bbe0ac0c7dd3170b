//! A schema with its references expanded, and the most steps that the validator takes with it.
//!
//! The validator has no budget of its own, and small schemas can take it exponential time, because a reference is
//! expanded wherever it is used. The numbers here are upper bounds. A memo makes them cheap to compute.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde_json::{Map, Value};

/// The keywords whose schemas apply to the same value.
const HERE: &[&str] = &[
    "$ref",
    "not",
    "if",
    "then",
    "else",
    "allOf",
    "anyOf",
    "oneOf",
    "dependentSchemas",
    "dependencies",
];
/// The keywords whose schemas apply to the members of a value.
const BELOW: &[&str] = &[
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "unevaluatedProperties",
    "items",
    "prefixItems",
    "contains",
    "unevaluatedItems",
];
/// The keywords of which one schema at most applies to a member.
const ONE_OF: &[&str] = &["properties", "prefixItems"];
/// The keywords that have schemas by name.
const BY_NAME: &[&str] = &[
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
];
/// The keywords that find out which members the schemas for the same value cover, and decide these again.
const COVERED: &[&str] = &["unevaluatedProperties", "unevaluatedItems"];

/// The steps of a regular expression or a format, compared with those of another keyword.
const MATCH: u64 = 100;

/// The number of bytes of text that count like a value.
const TEXT: usize = 16;

/// The most steps with a schema, for each value of the data.
///
/// If the numbers of the inner schemas are right, so are these: a value and those below it take the steps of this
/// schema's own keywords, those of the schemas for the same value, and for each member those of the schemas that
/// apply to it. The members have together fewer values than the data.
#[derive(Clone, Copy, Debug, Default)]
struct Steps {
    /// To decide whether it satisfies the schema.
    decide: u64,
    /// To find out which members the schemas for the same value cover.
    cover: u64,
    /// To collect all errors. Each keyword may decide first, and then collects the errors of its schemas.
    collect: u64,
}

impl Steps {
    fn plus(self, other: Self) -> Self {
        Self {
            decide: self.decide.saturating_add(other.decide),
            cover: self.cover.saturating_add(other.cover),
            collect: self.collect.saturating_add(other.collect),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            decide: self.decide.max(other.decide),
            cover: self.cover.max(other.cover),
            collect: self.collect.max(other.collect),
        }
    }
}

/// A schema with its references expanded, for data of limited depth.
#[derive(Debug)]
pub(crate) struct Expansion<'a> {
    root: &'a Value,
    /// By the place of a schema and the depth of the data. None while the schema is expanded.
    steps: HashMap<(String, usize), Option<Steps>>,
    per_value: u64,
}

/// The place of a reference that leads back to itself for the same value.
#[derive(Debug)]
pub(crate) struct Endless(pub(crate) String);

impl<'a> Expansion<'a> {
    /// Expands a schema for data with this many levels of objects and lists. Errors: a reference leads back to
    /// itself for the same value.
    pub(crate) fn of(root: &'a Value, depth: usize) -> Result<Self, Endless> {
        let mut expansion = Self {
            root,
            steps: HashMap::new(),
            per_value: 0,
        };
        expansion.per_value = expansion.expand(String::new(), depth)?.collect;
        Ok(expansion)
    }

    /// The most steps that the validator takes for each value of the data.
    pub(crate) fn per_value(&self) -> u64 {
        self.per_value
    }

    /// The place of the smallest schema that takes more steps for each value, or none.
    pub(crate) fn beyond(&self, limit: u64) -> Option<&str> {
        let all = self.steps.iter();
        let beyond = all.filter_map(|((place, _), steps)| {
            let steps = (*steps)?.collect;
            (steps > limit).then_some((steps, Reverse(place.len()), place))
        });
        beyond.min().map(|(.., place)| place.as_str())
    }

    /// The schemas that the validator reaches, with their places.
    pub(crate) fn schemas(&self) -> HashMap<&str, &'a Map<String, Value>> {
        let places = self.steps.keys().map(|(place, _)| place.as_str());
        places
            .filter_map(|place| Some((place, self.root.pointer(place)?.as_object()?)))
            .collect()
    }

    /// Expands the schema at this place, for a value with this many levels below it.
    fn expand(&mut self, place: String, depth: usize) -> Result<Steps, Endless> {
        let key = (place, depth);
        match self.steps.get(&key) {
            Some(Some(steps)) => return Ok(*steps),
            Some(None) => return Err(Endless(key.0)),
            None => self.steps.insert(key.clone(), None),
        };
        let steps = self.expand_keywords(&key.0, depth)?;
        self.steps.insert(key, Some(steps));
        Ok(steps)
    }

    fn expand_keywords(&mut self, place: &str, depth: usize) -> Result<Steps, Endless> {
        let mut all = Steps {
            decide: 1,
            cover: 0,
            collect: 0,
        };
        // The validator refuses a reference to nothing when it compiles the schema.
        let Some(Value::Object(keywords)) = self.root.pointer(place) else {
            return Ok(Steps { collect: 1, ..all });
        };
        let mut covers = false;
        for (keyword, value) in keywords {
            all.decide = all.decide.saturating_add(own_steps(keyword, value));
            let keyword = keyword.as_str();
            let is_here = HERE.contains(&keyword);
            let is_below = depth > 0 && BELOW.contains(&keyword);
            if !is_here && !is_below {
                continue;
            }
            let is_covered = COVERED.contains(&keyword);
            covers |= is_covered;
            let mut inner = Steps::default();
            for place in places(place, keyword, value) {
                let one = self.expand(place, depth - usize::from(!is_here))?;
                inner = match ONE_OF.contains(&keyword) {
                    true => inner.max(one),
                    false => inner.plus(one),
                };
            }
            all.decide = all.decide.saturating_add(inner.decide);
            all.collect = all.collect.saturating_add(inner.collect);
            if is_here || is_covered {
                all.cover = all.cover.saturating_add(inner.decide);
            }
            if is_here {
                all.cover = all.cover.saturating_add(inner.cover);
            }
        }
        if covers {
            all.decide = all.decide.saturating_add(all.cover);
        }
        all.collect = all.collect.saturating_add(all.decide);
        Ok(all)
    }
}

/// The number of values in the data, where some bytes of text count like a value.
pub(crate) fn size(data: &Value) -> u64 {
    let text = |text: &str| u64::try_from(text.len() / TEXT).unwrap_or(u64::MAX);
    let below: u64 = match data {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| text(name) + size(member))
            .sum(),
        Value::String(string) => text(string),
        _ => 0,
    };
    1 + below
}

/// How many levels of objects and lists the data has.
pub(crate) fn depth(data: &Value) -> usize {
    match data {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The steps of a keyword without the schemas in it.
fn own_steps(keyword: &str, value: &Value) -> u64 {
    match (keyword, value) {
        ("pattern" | "format", _) => MATCH,
        ("patternProperties", Value::Object(patterns)) => patterns.iter().map(|_| MATCH).sum(),
        ("properties" | "dependentSchemas" | "dependencies", Value::Object(names)) => {
            names.iter().map(|_| 1).sum()
        }
        (name, _) if HERE.contains(&name) || BELOW.contains(&name) => 1,
        // `$defs` and annotations take no steps. All others may compare the value with each value in them.
        ("$defs" | "definitions" | "title" | "description" | "$comment" | "examples", _) => 0,
        _ => size(value),
    }
}

/// The places of the schemas in a keyword of the schema at this place.
fn places(place: &str, keyword: &str, value: &Value) -> Vec<String> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match value {
        Value::String(target) => target
            .strip_prefix('#')
            .map(str::to_owned)
            .into_iter()
            .collect(),
        Value::Array(items) => (0..items.len())
            .map(|index| format!("{place}/{keyword}/{index}"))
            .collect(),
        Value::Object(members) if BY_NAME.contains(&keyword) => members
            .keys()
            .map(|name| format!("{place}/{keyword}/{}", escaped(name)))
            .collect(),
        _ => vec![format!("{place}/{keyword}")],
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use jsonschema::{Draft, Keyword, ValidationError};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A keyword that counts how often the validator asks it. Its value is its answer.
    struct Counted {
        asked: Arc<AtomicU64>,
        answer: bool,
    }

    impl<'i> Keyword<'i> for Counted {
        fn validate(&self, data: &'i Value) -> Result<(), ValidationError<'i>> {
            match self.is_valid(data) {
                true => Ok(()),
                false => Err(ValidationError::custom("refused")),
            }
        }

        fn is_valid(&self, _: &'i Value) -> bool {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.answer
        }
    }

    /// A schema in which each schema has the keyword `counted`, and references lead to `$defs` with higher numbers.
    fn schema(from: usize) -> BoxedStrategy<Value> {
        let leaf = any::<bool>().prop_map(|answer| json!({"counted": answer}));
        let leaf = match from {
            4.. => leaf.boxed(),
            _ => prop_oneof![
                leaf,
                (from..4, any::<bool>()).prop_map(|(to, answer)| {
                    json!({"counted": answer, "$ref": format!("#/$defs/{to}")})
                })
            ]
            .boxed(),
        };
        leaf.prop_recursive(3, 12, 3, |inner| {
            let some = prop::collection::vec(inner.clone(), 1..4);
            (any::<bool>(), some, prop::sample::select(KEYWORDS)).prop_map(
                |(answer, schemas, keyword)| {
                    let value = match keyword {
                        "properties" | "dependentSchemas" => {
                            let names = ["a", "b", "c"].into_iter().map(str::to_owned);
                            Value::Object(names.zip(schemas).collect())
                        }
                        "allOf" | "anyOf" | "oneOf" | "prefixItems" => schemas.into(),
                        _ => schemas.into_iter().next().unwrap_or_default(),
                    };
                    let mut all = json!({"counted": answer, keyword: value});
                    if keyword.ends_with("Of") {
                        all["unevaluatedProperties"] = json!({"counted": answer});
                    }
                    all
                },
            )
        })
        .boxed()
    }

    const KEYWORDS: &[&str] = &[
        "properties",
        "dependentSchemas",
        "allOf",
        "anyOf",
        "oneOf",
        "prefixItems",
        "not",
        "if",
        "items",
        "contains",
        "additionalProperties",
        "unevaluatedItems",
    ];

    fn data() -> impl Strategy<Value = Value> {
        let leaf = Just(json!(1));
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abcd]", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_validator_takes_no_more_steps_than_are_counted(
            root in schema(0),
            definitions in (schema(1), schema(2), schema(3), schema(4)),
            data in data(),
        ) {
            let mut root = root;
            let (one, two, three, four) = definitions;
            root["$defs"] = json!({"0": one, "1": two, "2": three, "3": four});
            let expansion = Expansion::of(&root, depth(&data)).expect("no reference leads back");
            let most = expansion.per_value().saturating_mul(size(&data));
            let asked = Arc::new(AtomicU64::new(0));
            let count = asked.clone();
            let validator = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_keyword("counted", move |_, value, _| {
                    let answer = value.as_bool().unwrap_or_default();
                    Ok(Box::new(Counted { asked: count.clone(), answer }))
                })
                .build(&root)
                .expect("a valid schema");
            prop_assert_eq!(validator.iter_errors(&data).count() == 0, validator.is_valid(&data));
            let asked = asked.load(Ordering::Relaxed);
            prop_assert!(asked <= most, "{asked} of {most}: {root} {data}");
        }
    }
}
