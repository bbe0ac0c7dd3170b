//! Which of several names, addresses, telephone numbers and identifiers is the present one.
//!
//! `use` is a modifier element: a value that is old or whose `period` has ended is none that a chart may show.
//! <https://hl7.org/fhir/R4/datatypes.html#HumanName>

use chrono::Utc;

use crate::resources::{Address, HumanName, Identifier, Telecom, Validity};

/// A value that can become out of date.
pub trait Dated {
    /// Its `use`.
    fn usage(&self) -> Option<&str>;
    /// Its `period`.
    fn period(&self) -> Option<&Validity>;
    /// Its place among present values. The smallest is taken.
    fn rank(&self) -> u32;

    /// Whether it still holds.
    fn is_current(&self) -> bool {
        let ended = self.period().and_then(|period| period.end.as_ref());
        let has_ended = ended.is_some_and(|end| end.ends() <= Utc::now());
        !has_ended && !matches!(self.usage(), Some("old" | "maiden"))
    }
}

/// The present value that comes first, or none if all are out of date.
pub fn current<'a, T: Dated>(values: impl IntoIterator<Item = &'a T>) -> Option<&'a T> {
    let current = values.into_iter().filter(|value| value.is_current());
    current.min_by_key(|value| value.rank())
}

/// The place of `used` in this order. Behind these come values without a use, then all others.
fn place(used: Option<&str>, order: &[&str]) -> u32 {
    let place = match used {
        None => order.len(),
        Some(used) => (order.iter().position(|each| *each == used)).unwrap_or(order.len() + 1),
    };
    u32::try_from(place).unwrap_or(u32::MAX)
}

macro_rules! dated {
    ($($name:ident, $value:ident => $rank:expr;)+) => {$(
        impl Dated for $name {
            fn usage(&self) -> Option<&str> {
                self.r#use.as_deref()
            }

            fn period(&self) -> Option<&Validity> {
                self.period.as_ref()
            }

            fn rank(&self) -> u32 {
                let $value = self;
                $rank
            }
        }
    )+};
}

dated! {
    HumanName, name => place(name.r#use.as_deref(), &["official", "usual"]);
    Address, address => place(address.r#use.as_deref(), &["home"]);
    Identifier, identifier => place(identifier.r#use.as_deref(), &["official", "usual"]);
    // FHIR's own rank begins at 1.
    Telecom, contact => contact.rank.unwrap_or(u32::MAX);
}
