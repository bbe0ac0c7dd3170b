//! The patient's contact data in words.

use domain::user::{Address, User};
use sql::Jsonb;

/// The facts of the account that belong to the record.
pub fn contact(user: &User) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(Jsonb(at)) = &user.address {
        facts.push(("Address", address(at)));
    }
    if let Some(phone) = &user.phone {
        facts.push(("Telephone", phone.clone()));
    }
    let signs_in = user.subject.is_some();
    let email = user.notification_email.as_ref();
    if let Some(email) = email.or(user.username.as_ref().filter(|_| signs_in)) {
        facts.push(("E-mail", email.clone()));
    }
    let preferences = user.preferences.as_ref();
    if let Some(language) = preferences.and_then(|Jsonb(it)| it.language.as_ref()) {
        facts.push(("Language", language.to_string()));
    }
    facts
}

/// A postal address on one line.
pub fn address(address: &Address) -> String {
    let state = [&address.state]
        .into_iter()
        .flatten()
        .map(ToString::to_string);
    let code = address.postal_code.iter().map(ToString::to_string);
    let place: Vec<_> = state.chain(code).collect();
    let parts = address.line.iter().map(ToString::to_string);
    let parts = parts
        .chain(address.city.iter().map(ToString::to_string))
        .chain((!place.is_empty()).then(|| place.join(" ")))
        .chain(address.country.iter().map(ToString::to_string));
    parts.collect::<Vec<_>>().join(", ")
}
