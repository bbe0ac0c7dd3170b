//! The addressee of a letter, and the clinic that writes it.

use domain::time::Date;
use domain::user::Address;
use sql::{Jsonb, row};

use crate::{Letter, Section, in_words};

row! {
    /// The columns that the statement of each letter selects: the addressee, and the clinic's contact data.
    #[derive(Debug)]
    pub struct Head {
        /// PATIENT, GUARDIAN if the patient is a minor, or FAMILY if they died.
        pub addressee: String,
        /// The patient's given name.
        pub first_name: Option<String>,
        /// The patient's family name.
        pub last_name: Option<String>,
        /// The patient's address.
        pub address: Option<Jsonb<Address>>,
        /// The day of the letter.
        pub written_on: Date,
        /// The name of the clinic.
        pub clinic_name: Option<String>,
        /// Its telephone number.
        pub clinic_phone: Option<String>,
        /// Its e-mail address.
        pub clinic_email: Option<String>,
        /// Its website.
        pub clinic_website: Option<String>,
        /// Its postal address, with commas between the lines.
        pub clinic_address: Option<String>,
    }
}

impl Head {
    /// The patient's name.
    pub fn name(&self) -> String {
        let names = [self.first_name.as_deref(), self.last_name.as_deref()];
        names.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// The sentence that says whom the letter addresses. None if that is the reader.
    pub fn who_is_you(&self) -> Option<String> {
        (self.addressee != "PATIENT")
            .then(|| format!("In this letter, \"you\" means {}.", self.name()))
    }

    /// How the clinic is reached. `call` is how the letter says to call.
    pub fn ways(&self, call: &str) -> Vec<String> {
        let ways = [
            (call, &self.clinic_phone),
            ("Send an e-mail", &self.clinic_email),
            ("Visit our website", &self.clinic_website),
            ("Write to us", &self.clinic_address),
        ];
        let ways = ways
            .iter()
            .filter_map(|(way, value)| Some(format!("{way}: {}", value.as_ref()?)));
        ways.collect()
    }

    /// The letter with these sections. None if the clinic has no name yet.
    pub fn letter(self, title: &'static str, sections: Vec<Section>) -> Option<Letter> {
        let name = self.name();
        let (addressee, greeting) = match self.addressee.as_str() {
            "GUARDIAN" => {
                let to = format!("To the parent or guardian of {name}");
                (to.clone(), format!("{to}:"))
            }
            "FAMILY" => {
                let to = format!("To the family or personal representative of {name}");
                (to.clone(), format!("{to}:"))
            }
            _ => (name.clone(), format!("Dear {name}:")),
        };
        let address = self.address.as_ref().map(|Jsonb(address)| lines(address));
        Some(Letter {
            title,
            clinic: self.clinic_name?,
            clinic_address: split(self.clinic_address.as_deref()),
            recipient: [vec![addressee], address.unwrap_or_default()].concat(),
            written_on: in_words(self.written_on),
            greeting,
            sections,
        })
    }
}

/// The lines of a postal address.
fn lines(address: &Address) -> Vec<String> {
    let place = [&address.state]
        .into_iter()
        .flatten()
        .map(ToString::to_string);
    let place = place.chain(address.postal_code.iter().map(ToString::to_string));
    let place = place.collect::<Vec<_>>().join(" ");
    let city = address.city.iter().map(ToString::to_string);
    let city = city.chain((!place.is_empty()).then_some(place));
    let city = city.collect::<Vec<_>>().join(", ");
    let mut lines: Vec<_> = address.line.iter().map(ToString::to_string).collect();
    lines.extend((!city.is_empty()).then_some(city));
    lines.extend(address.country.iter().map(ToString::to_string));
    lines
}

fn split(address: Option<&str>) -> Vec<String> {
    let lines = address.into_iter().flat_map(|address| address.split(','));
    lines.map(|line| line.trim().to_owned()).collect()
}
