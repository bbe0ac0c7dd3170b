//! Every element of FHIR R4 of the resource types that are read is carried over, or docs/import.md names it with what
//! becomes of it. `UPDATE=1 cargo test -p fhir --test elements` writes the table.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use fhir::bundle::{Content, read};
use serde_json::{Map, Value, json};

const ELEMENTS: &str = include_str!("r4_elements.tsv");

/// An element as the definitions of R4 have it.
struct Element {
    name: &'static str,
    is_required: bool,
    is_list: bool,
    types: Vec<&'static str>,
}

/// The elements right below each path or type.
struct Definitions(BTreeMap<&'static str, Vec<Element>>);

impl Definitions {
    fn read() -> Self {
        let mut below: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for line in ELEMENTS.lines() {
            let [path, min, max, types] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let (above, name) = path.rsplit_once('.').unwrap();
            below.entry(above).or_default().push(Element {
                name,
                is_required: min != "0",
                is_list: max == "*",
                types: types.split(',').collect(),
            });
        }
        Self(below)
    }

    fn below(&self, path: &str) -> &[Element] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }
}

impl Element {
    /// The name of the element with a value of this type, and the path or type that has the elements below it.
    fn named(&self, kind: &str, above: &str) -> (String, String) {
        let name = match self.name.strip_suffix("[x]") {
            Some(name) => format!("{name}{}{}", kind[..1].to_uppercase(), &kind[1..]),
            None => self.name.to_owned(),
        };
        let below = match (kind.strip_prefix('#'), kind) {
            (Some(path), _) => path.to_owned(),
            (None, "BackboneElement" | "Element") => format!("{above}.{}", self.name),
            (None, kind) => kind.to_owned(),
        };
        (name, below)
    }

    fn with(&self, value: Value) -> Value {
        if self.is_list { json!([value]) } else { value }
    }
}

/// A value of this type, with what it must have.
fn sample(definitions: &Definitions, below: &str, path: &str) -> Value {
    // The codes of elements that only take certain ones.
    let code = match path {
        "Patient.gender" | "Practitioner.gender" => "female",
        "AllergyIntolerance.type" => "allergy",
        "AllergyIntolerance.category" => "food",
        "AllergyIntolerance.criticality" => "low",
        "AllergyIntolerance.reaction.severity" => "mild",
        "MedicationRequest.intent" | "CarePlan.intent" => "order",
        "Patient.link.type" => "seealso",
        _ => "code",
    };
    match below {
        "code" => json!(code),
        "boolean" => json!(true),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => json!(1),
        "date" => json!("2020-01-02"),
        "dateTime" | "instant" => json!("2020-01-02T10:00:00Z"),
        "time" => json!("10:00:00"),
        "base64Binary" => json!("AAAA"),
        "uri" | "url" | "canonical" | "oid" | "uuid" => json!("http://example.org/a"),
        "string" | "markdown" | "id" | "xhtml" => json!("text"),
        "Extension" => json!({"url": "http://example.org/a"}),
        "Meta" | "Narrative" => json!({}),
        "Resource" => json!({"resourceType": "Basic"}),
        _ => Value::Object(required(definitions, below, path)),
    }
}

/// What an object of this type must have.
fn required(definitions: &Definitions, above: &str, path: &str) -> Map<String, Value> {
    let elements = definitions.below(above).iter().filter(|it| it.is_required);
    let fields = elements.map(|element| {
        let (name, below) = element.named(element.types[0], above);
        let value = sample(definitions, &below, &format!("{path}.{name}"));
        (name, element.with(value))
    });
    fields.collect()
}

/// The types whose elements are named once, not for each element of the type.
fn is_data_type(below: &str) -> bool {
    !below.contains('.') && below.starts_with(|first: char| first.is_ascii_uppercase())
}

/// What becomes of an element that isn't carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Carried,
    Counted,
    LeavesOut,
    Refused,
}

/// Finds what becomes of each element.
struct Walk<'a> {
    definitions: &'a Definitions,
    kind: &'static str,
    /// The fate of each path that is not carried over.
    lost: BTreeMap<String, Fate>,
    /// The fates of each element of a data type, with the paths where it has this fate.
    of_types: &'a mut BTreeMap<(String, String), BTreeMap<Fate, BTreeSet<String>>>,
}

impl Walk<'_> {
    /// Walks the elements below `above`. `around` puts one of them into a resource.
    fn walk(&mut self, above: &str, path: &str, around: &dyn Fn(Map<String, Value>) -> Value) {
        for element in self.definitions.below(above) {
            for kind in &element.types {
                let (name, below) = element.named(kind, above);
                let at = format!("{path}.{name}");
                // A person's identifier may be assigned by someone with an identifier, and so on.
                if at.matches('.').count() > 8 || at.contains("identifier.assigner.") {
                    continue;
                }
                let within = |inner: Map<String, Value>| {
                    let mut value = sample(self.definitions, &below, &at);
                    if let Some(fields) = value.as_object_mut() {
                        fields.extend(inner);
                    }
                    let mut fields = required(self.definitions, above, path);
                    fields.insert(name.clone(), element.with(value));
                    around(fields)
                };
                let fate = fate(&within(Map::new()), &at);
                if is_data_type(above) && above != self.kind {
                    let fates = self.of_types.entry((above.to_owned(), name.clone()));
                    let places = fates.or_default().entry(fate).or_default();
                    places.insert(at.clone());
                } else if fate != Fate::Carried {
                    self.lost.insert(at.clone(), fate);
                }
                if fate == Fate::Carried {
                    let mut deeper = Walk {
                        definitions: self.definitions,
                        kind: self.kind,
                        lost: BTreeMap::new(),
                        of_types: self.of_types,
                    };
                    deeper.walk(&below, &at, &within);
                    let found = deeper.lost;
                    self.lost.extend(found);
                }
            }
        }
    }
}

/// What becomes of the element at `path` of this resource.
fn fate(resource: &Value, path: &str) -> Fate {
    let entries = read(resource.to_string().as_bytes(), "test".into()).unwrap();
    let entry = &entries[0];
    match &entry.content {
        Content::Carried(_) if entry.unmapped.iter().any(|lost| lost == path) => Fate::Counted,
        Content::Carried(_) => Fate::Carried,
        Content::LeftOut(..) => Fate::LeavesOut,
        Content::Bad(_) | Content::Aside => Fate::Refused,
    }
}

/// Whether the element is read because references need it, in the elements that all types share.
fn serves_lookup(path: &str) -> bool {
    let shared = [
        "subject",
        "patient",
        "encounter",
        "identifier",
        "verificationStatus",
    ];
    path.split('.')
        .nth(1)
        .is_some_and(|name| shared.contains(&name))
}

fn table() -> String {
    let definitions = Definitions::read();
    let kinds: BTreeSet<_> = ELEMENTS
        .lines()
        .map(|line| line.split('.').next().unwrap())
        .collect();
    let kinds = kinds.into_iter().filter(|kind| {
        definitions
            .below(kind)
            .iter()
            .any(|it| it.name == "implicitRules")
    });
    let mut of_types = BTreeMap::new();
    let mut lost = BTreeMap::new();
    for kind in kinds {
        let mut walk = Walk {
            definitions: &definitions,
            kind,
            lost: BTreeMap::new(),
            of_types: &mut of_types,
        };
        let resource = |mut fields: Map<String, Value>| {
            // Nobody can read what has no code.
            let needs_code = ["AllergyIntolerance", "Condition", "Procedure"].contains(&kind);
            if needs_code && !fields.contains_key("code") {
                fields.insert("code".to_owned(), json!({"text": "text"}));
            }
            fields.insert("resourceType".to_owned(), json!(kind));
            Value::Object(fields)
        };
        walk.walk(kind, kind, &resource);
        lost.extend(walk.lost);
    }
    // An element of a data type that is nowhere carried over is named once. One that is carried over in some places
    // only is named where it isn't.
    let mut rows: BTreeMap<(String, Fate), BTreeSet<String>> = BTreeMap::new();
    for ((of_type, name), fates) in &of_types {
        let carried = fates.get(&Fate::Carried);
        let is_carried =
            carried.is_some_and(|places| places.iter().any(|place| !serves_lookup(place)));
        for (fate, places) in fates.iter().filter(|(fate, _)| **fate != Fate::Carried) {
            if is_carried {
                lost.extend(places.iter().map(|place| (place.clone(), *fate)));
            } else {
                let row = rows.entry((of_type.clone(), *fate)).or_default();
                row.insert(name.clone());
            }
        }
    }
    for (path, fate) in &lost {
        let (kind, rest) = path.split_once('.').unwrap();
        rows.entry((kind.to_owned(), *fate))
            .or_default()
            .insert(rest.to_owned());
    }
    // Extensions have the same fate everywhere.
    let mut everywhere: BTreeMap<Fate, BTreeSet<String>> = BTreeMap::new();
    for ((_, fate), names) in &mut rows {
        names.retain(|name| {
            let last = name.rsplit('.').next().unwrap().to_owned();
            let is_common =
                ["extension", "modifierExtension", "implicitRules"].contains(&last.as_str());
            if is_common {
                everywhere.entry(*fate).or_default().insert(last);
            }
            !is_common
        });
    }
    rows.extend(
        everywhere
            .into_iter()
            .map(|(fate, names)| (("every type".to_owned(), fate), names)),
    );
    rows.retain(|_, names| !names.is_empty());
    let mut table = String::from("| type | elements | what becomes of them |\n|---|---|---|\n");
    for ((kind, fate), names) in rows {
        let names: Vec<_> = names.into_iter().collect();
        let becomes = match fate {
            Fate::Carried => unreachable!("a row has no carried elements"),
            Fate::Counted => "counted in the summary",
            Fate::LeavesOut => "the resource is left out and reported",
            Fate::Refused => "the resource is refused and reported",
        };
        writeln!(table, "| {kind} | {} | {becomes} |", names.join(", ")).unwrap();
    }
    table
}

#[test]
fn each_element_of_r4_is_carried_over_or_named_in_the_guide() {
    const MARK: &str = "<!-- elements -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    let parts: Vec<_> = guide.split(MARK).collect();
    let [before, written, after] = parts[..] else {
        panic!("docs/import.md has two marks around the table")
    };
    let table = format!("\n{}\n", table());
    if std::env::var_os("UPDATE").is_some() {
        let text = format!("{before}{MARK}{table}{MARK}{after}");
        return std::fs::write(&path, text).unwrap();
    }
    assert_eq!(
        written, table,
        "run UPDATE=1 cargo test -p fhir --test elements"
    );
}
