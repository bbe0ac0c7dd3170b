//! Deserializes a type from a JSON value or from a query string.
//!
//! A deserializer of serde stops at the first fault. This one goes on: it records a value of the wrong type and
//! gives the type another value instead. If the type itself refuses a value, [`typed`](crate::typed) reads the
//! document again with a stand-in at that place.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use errors::MOST_FAULTS;
use serde::de::value::{MapAccessDeserializer, MapDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Value;

use crate::expected::Expectation;
use crate::fault::{Fault, FaultKind, Place, Received};
use crate::number::{NUMBER, integer};
use crate::path::Path;

/// A text that no type accepts that is more than a string.
const NO_TEXT: &str = "\0";

/// A received value.
#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Json(&'a Value),
    /// The text of a parameter. The target type decides how it is parsed.
    Text(&'a str),
    /// The parameters of a query, each once.
    Parameters(&'a [(Cow<'a, str>, Cow<'a, str>)]),
    /// No value. Every type gets the simplest one that it has.
    Nothing,
}

/// What takes the place of a received value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StandIn {
    /// The member isn't read.
    Skipped,
    /// The simplest value of the type.
    Simplest,
    /// A value that the type says it accepts.
    Example(Value),
}

/// One reading of a document.
pub(crate) struct Reading<'a> {
    /// By JSON Pointer.
    pub(crate) stand_ins: &'a BTreeMap<String, StandIn>,
    /// The faults that didn't stop this reading.
    pub(crate) passed: RefCell<Vec<(Place, Expectation)>>,
    /// The number of values that were read.
    pub(crate) values: Cell<usize>,
    /// The expectation that the value that is read now doesn't meet.
    pending: RefCell<Option<Expectation>>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(stand_ins: &'a BTreeMap<String, StandIn>) -> Self {
        Self {
            stand_ins,
            passed: RefCell::default(),
            values: Cell::default(),
            pending: RefCell::default(),
        }
    }

    fn stand_in(&self, path: &Path<'_>) -> Option<&'a StandIn> {
        match self.stand_ins.is_empty() {
            true => None,
            false => self.stand_ins.get(&path.to_string()),
        }
    }

    /// The members below this path that are missing in the document and get a stand-in.
    fn added(&self, path: &Path<'_>) -> Vec<&'a str> {
        if self.stand_ins.is_empty() {
            return Vec::new();
        }
        let parent = format!("{path}/");
        let below = self.stand_ins.range(parent.clone()..);
        below
            .take_while(|(pointer, _)| pointer.starts_with(&parent))
            .filter(|(_, stand_in)| **stand_in != StandIn::Skipped)
            .map(|(pointer, _)| &pointer[parent.len()..])
            .filter(|name| !name.contains(['/', '~']))
            .collect()
    }

    /// Reads a value. `is_stand_in` says that it isn't the caller's.
    pub(crate) fn read<'de, S: DeserializeSeed<'de>>(
        &self,
        seed: S,
        node: Node<'_>,
        path: &Path<'_>,
        is_stand_in: bool,
    ) -> Result<S::Value, Fault> {
        self.values.set(self.values.get() + 1);
        let stand_in = self.stand_in(path);
        let (node, is_stand_in) = match stand_in {
            Some(StandIn::Simplest) => (Node::Nothing, true),
            Some(StandIn::Example(value)) => (Node::Json(value), true),
            Some(StandIn::Skipped) | None => (node, is_stand_in),
        };
        let place = || Place {
            pointer: path.to_string(),
            received: match is_stand_in {
                true => Received::StandIn,
                false => node.received(),
            },
        };
        let outer = self.pending.take();
        let read = seed.deserialize(Reader {
            node,
            path,
            is_stand_in,
            reading: self,
        });
        let pending = self.pending.replace(outer);
        match read {
            Ok(value) => {
                if let Some(expectation) = pending {
                    let mut passed = self.passed.borrow_mut();
                    if passed.len() < MOST_FAULTS {
                        passed.push((place(), expectation));
                    }
                }
                Ok(value)
            }
            Err(fault) => Err(fault.placed(place)),
        }
    }
}

impl Node<'_> {
    pub(crate) fn received(&self) -> Received {
        let count = |items: usize, one: &str| match items {
            1 => format!("1 {one}"),
            items => format!("{items} {one}s"),
        };
        Received::Other(match self {
            Self::Json(Value::Null) => "null".to_owned(),
            Self::Json(Value::Bool(_)) => "a boolean".to_owned(),
            Self::Json(Value::Number(number)) => match number.is_f64() {
                true => "a number with a fraction or an exponent".to_owned(),
                false => "a whole number".to_owned(),
            },
            Self::Json(Value::String(text)) => return Received::Text(text.chars().count()),
            Self::Json(Value::Array(items)) => {
                format!("an array of {}", count(items.len(), "item"))
            }
            Self::Json(Value::Object(_)) => "an object".to_owned(),
            Self::Text(text) => return Received::Text(text.chars().count()),
            Self::Parameters(pairs) => count(pairs.len(), "parameter"),
            Self::Nothing => return Received::StandIn,
        })
    }
}

/// A value as a deserializer.
struct Reader<'a, 'r> {
    node: Node<'a>,
    path: &'a Path<'a>,
    is_stand_in: bool,
    reading: &'a Reading<'r>,
}

impl Reader<'_, '_> {
    /// Records what is expected instead of this value.
    fn expects(&self, what: impl Into<String>, example: impl Into<Value>) {
        let expectation = Expectation::new(what, Some(example.into()));
        self.reading.pending.replace(Some(expectation));
    }

    /// The number as text. Number types parse it, so that each decides on its range.
    fn number(&self) -> Option<Cow<'_, str>> {
        match self.node {
            Node::Json(Value::Number(number)) => Some(number.to_string().into()),
            Node::Text(text) => Some(text.into()),
            _ => None,
        }
    }

    /// The number if it has no fraction.
    fn whole_number(&self) -> Option<i128> {
        match self.node {
            Node::Json(Value::Number(number)) => integer(number),
            Node::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident: $type:ty, $visit:ident, $refused:expr;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.whole_number().and_then(|number| number.try_into().ok()) {
                Some(value) => visitor.$visit(value),
                None => {
                    let what = format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
                    self.expects(what, 1);
                    visitor.$visit($refused)
                }
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Fault;

    // The number in place of a refused one is out of the range of a type that has a smaller one. That type
    // then says what it expects.
    whole_numbers! {
        deserialize_i8: i8, visit_i8, i8::MIN;
        deserialize_i16: i16, visit_i16, i16::MIN;
        deserialize_i32: i32, visit_i32, i32::MIN;
        deserialize_i64: i64, visit_i64, i64::MIN;
        deserialize_u8: u8, visit_u8, u8::MAX;
        deserialize_u16: u16, visit_u16, u16::MAX;
        deserialize_u32: u32, visit_u32, u32::MAX;
        deserialize_u64: u64, visit_u64, u64::MAX;
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = self.number().and_then(|number| number.parse().ok());
        match value.filter(|number: &f64| number.is_finite()) {
            Some(value) => visitor.visit_f64(value),
            None => {
                self.expects("a number", 1.5);
                visitor.visit_f64(f64::NAN)
            }
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match self.node {
            Node::Json(Value::Bool(value)) => Some(*value),
            Node::Text(text) => text.parse().ok(),
            _ => None,
        };
        if value.is_none() {
            self.expects("true or false", Value::Null);
        }
        visitor.visit_bool(value.unwrap_or_default())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Json(Value::String(text)) => visitor.visit_str(text),
            Node::Text(text) => visitor.visit_str(text),
            _ => {
                self.expects("a string", Value::Null);
                visitor.visit_str(NO_TEXT)
            }
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Json(Value::Null) | Node::Nothing => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items = match self.node {
            Node::Json(Value::Array(items)) => items.as_slice(),
            _ => {
                self.expects("an array", Value::Null);
                &[]
            }
        };
        let mut items = Items {
            items: items.iter().enumerate(),
            within: self,
        };
        let value = visitor.visit_seq(&mut items)?;
        // A type with a fixed number of items leaves the others.
        match items.items.next() {
            None => Ok(value),
            Some((most, _)) => {
                let what = format!("an array of at most {most} items");
                Err(Fault::expected(Expectation::new(what, None)))
            }
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (Members::of(&self, None), self.node) {
            (Some(members), _) => visitor.visit_map(Members::new(members, &self)),
            (None, Node::Nothing) => {
                self.expects("an object", Value::Null);
                visitor.visit_map(Members::new(Vec::new(), &self))
            }
            (None, _) => Err(Fault::expected(Expectation::new("an object", None))),
        }
    }

    // serde would also read a struct from an array (https://github.com/serde-rs/serde/issues/1587).
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Node::Nothing = self.node {
            self.expects("an object", Value::Null);
        }
        match Members::of(&self, Some(fields)) {
            Some(members) => visitor.visit_map(Members::new(members, &self)),
            None => Err(Fault::expected(Expectation::new("an object", None))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        labels: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let label = match self.node {
            Node::Json(Value::String(label)) => Some(label.as_str()),
            Node::Text(label) => Some(label),
            _ => None,
        };
        if let Some(label) = label.filter(|label| labels.contains(label)) {
            let label: StrDeserializer<'_, Fault> = label.into_deserializer();
            return label.deserialize_enum(name, labels, visitor);
        }
        let members = match self.node {
            Node::Json(Value::Object(object)) => object.keys().collect(),
            _ => Vec::new(),
        };
        let members = match members.as_slice() {
            [only] if labels.contains(&only.as_str()) => Members::of(&self, None),
            [] => None,
            _ => {
                let what = format!(
                    "an object with exactly one member, {}",
                    crate::expected::one_of(labels)
                );
                return Err(Fault::expected(Expectation::new(what, None)));
            }
        };
        let members = members.unwrap_or_else(|| {
            // The attribute `expecting` of an enum can say more than its labels.
            let said = (&visitor as &dyn Expected).to_string();
            let expectation = match said == format!("enum {name}") {
                true => Expectation::one_of(labels),
                false => Expectation::new(said, None),
            };
            self.reading.pending.replace(Some(expectation));
            // A member with no value fits a variant with data and one without.
            labels
                .iter()
                .take(1)
                .map(|label| (*label, Node::Nothing))
                .collect()
        });
        MapAccessDeserializer::new(Members::new(members, &self))
            .deserialize_enum(name, labels, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node {
            Node::Json(Value::Null) | Node::Nothing => visitor.visit_unit(),
            Node::Json(Value::Bool(value)) => visitor.visit_bool(*value),
            Node::Json(Value::String(_)) | Node::Text(_) => self.deserialize_str(visitor),
            Node::Json(Value::Array(_)) => self.deserialize_seq(visitor),
            Node::Json(Value::Object(_)) | Node::Parameters(_) => self.deserialize_map(visitor),
            Node::Json(Value::Number(number)) => {
                match (number.as_u64(), number.as_i64()) {
                    (Some(value), _) => visitor.visit_u64(value),
                    (_, Some(value)) => visitor.visit_i64(value),
                    // Only a visitor of `Number` accepts it.
                    _ => visitor.visit_map(MapDeserializer::new(std::iter::once((
                        NUMBER,
                        number.to_string(),
                    )))),
                }
            }
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit_struct tuple tuple_struct identifier
    }
}

/// The items of an array.
struct Items<'a, 'r> {
    items: std::iter::Enumerate<std::slice::Iter<'a, Value>>,
    within: Reader<'a, 'r>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        let path = self.within.path.item(index);
        let Reader {
            is_stand_in,
            reading,
            ..
        } = self.within;
        reading
            .read(seed, Node::Json(item), &path, is_stand_in)
            .map(Some)
    }
}

/// The members of an object or of a query.
struct Members<'a, 'r> {
    members: std::vec::IntoIter<(&'a str, Node<'a>)>,
    next: Option<(&'a str, Node<'a>)>,
    path: &'a Path<'a>,
    is_stand_in: bool,
    reading: &'a Reading<'r>,
}

impl<'a, 'r: 'a> Members<'a, 'r> {
    fn new(members: Vec<(&'a str, Node<'a>)>, within: &Reader<'a, 'r>) -> Self {
        Self {
            members: members.into_iter(),
            next: None,
            path: within.path,
            is_stand_in: within.is_stand_in,
            reading: within.reading,
        }
    }

    /// The members of a value, with stand-ins for those that are missing. None if it has no members. `fields`
    /// are the members of the simplest value.
    fn of(
        within: &Reader<'a, 'r>,
        fields: Option<&'static [&'static str]>,
    ) -> Option<Vec<(&'a str, Node<'a>)>> {
        let mut members: Vec<(&str, Node<'_>)> = match (within.node, fields) {
            (Node::Json(Value::Object(object)), _) => object
                .iter()
                .map(|(name, value)| (name.as_str(), Node::Json(value)))
                .collect(),
            (Node::Parameters(pairs), _) => pairs
                .iter()
                .map(|(name, text)| (name.as_ref(), Node::Text(text)))
                .collect(),
            (Node::Nothing, Some(fields)) => {
                fields.iter().map(|name| (*name, Node::Nothing)).collect()
            }
            _ => return None,
        };
        let reading: &'a Reading<'r> = within.reading;
        let has_stand_ins = !reading.stand_ins.is_empty();
        members.retain(|(name, _)| {
            !has_stand_ins || reading.stand_in(&within.path.member(name)) != Some(&StandIn::Skipped)
        });
        for name in reading.added(within.path) {
            if members.iter().all(|(known, _)| *known != name) {
                members.push((name, Node::Nothing));
            }
        }
        Some(members)
    }
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        self.next = self.members.next();
        let Some((name, _)) = self.next else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Fault> = name.into_deserializer();
        let mut read = seed.deserialize(name);
        if let Err(Fault {
            kind: FaultKind::Unknown { known, names },
            ..
        }) = &mut read
        {
            let all = self.next.into_iter().chain(self.members.by_ref());
            let unknown = all
                .map(|(name, _)| name)
                .filter(|name| !known.contains(name));
            names.extend(unknown.map(str::to_owned));
        }
        read.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        let (name, node) = self
            .next
            .take()
            .ok_or_else(|| Fault::expected(Expectation::unknown()))?;
        let path = self.path.member(name);
        self.reading.read(seed, node, &path, self.is_stand_in)
    }
}
