//! The letter to a patient, with the content that 45 CFR 164.404(c)(1) requires.

use api::prelude::*;
use askama::Template;
use domain::user::Address;
use sql::{Jsonb, row};

use crate::reading_grade::reading_grade;

row! {
    /// What a letter is made of: see `incident_letter` in `migrations/V0033__incidents.sql`.
    pub struct Source {
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
        /// The day of the discovery.
        pub discovered_on: Date,
        /// The first day of the breach.
        pub breach_from: Option<Date>,
        /// The last day of the breach.
        pub breach_until: Option<Date>,
        /// The types of the patient's resources that were accessed.
        pub seen: Vec<String>,
        /// What happened.
        pub letter_happened: Option<String>,
        /// The types of data.
        pub letter_data: Option<String>,
        /// What the patient can do.
        pub letter_steps: Option<String>,
        /// What the clinic does.
        pub letter_response: Option<String>,
        /// The name of the clinic.
        pub clinic_name: Option<String>,
        /// Its toll-free telephone number.
        pub clinic_phone: Option<String>,
        /// Its e-mail address.
        pub clinic_email: Option<String>,
        /// Its website.
        pub clinic_website: Option<String>,
        /// Its postal address, with commas between the lines.
        pub clinic_address: Option<String>,
    }
}

/// A part of the letter.
struct Section {
    heading: &'static str,
    paragraphs: Vec<String>,
    items: Vec<String>,
}

/// The letter. The template escapes all text.
#[derive(Template)]
#[template(path = "letter.html")]
pub struct Letter {
    clinic: String,
    clinic_address: Vec<String>,
    recipient: Vec<String>,
    written_on: String,
    greeting: String,
    sections: Vec<Section>,
}

impl Letter {
    /// Returns none if a text of the letter or the name of the clinic is missing.
    pub fn new(source: Source) -> Option<Self> {
        let clinic = source.clinic_name.clone()?;
        let names = [source.first_name.as_deref(), source.last_name.as_deref()];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let (addressee, greeting) = match source.addressee.as_str() {
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
        let mut opening = vec![
            "We are writing because some of your health information was seen or used in a way that is not allowed. This \
             letter tells you what happened, what you can do and how to reach us."
                .to_owned(),
        ];
        if source.addressee != "PATIENT" {
            opening.push(format!("In this letter, \"you\" means {name}."));
        }
        let sections = vec![
            Section::new("", opening),
            Section::new(
                "What happened",
                [
                    paragraphs(source.letter_happened.as_deref()?),
                    vec![days(&source)],
                ]
                .concat(),
            ),
            seen(&source)?,
            Section::new(
                "What you can do",
                paragraphs(source.letter_steps.as_deref()?),
            ),
            Section::new(
                "What we are doing",
                paragraphs(source.letter_response.as_deref()?),
            ),
            contact(&source),
            Section::new("", vec!["We are sorry that this happened.".to_owned()]),
        ];
        let address = source.address.as_ref().map(|Jsonb(address)| lines(address));
        Some(Self {
            clinic,
            clinic_address: split(source.clinic_address.as_deref()),
            recipient: [vec![addressee], address.unwrap_or_default()].concat(),
            written_on: in_words(source.written_on),
            greeting,
            sections,
        })
    }

    /// The Flesch-Kincaid grade level of the letter's sentences.
    pub fn grade(&self) -> f64 {
        let paragraphs = self.sections.iter().flat_map(|section| &section.paragraphs);
        reading_grade(paragraphs.map(String::as_str))
    }
}

impl Section {
    fn new(heading: &'static str, paragraphs: Vec<String>) -> Self {
        Self {
            heading,
            paragraphs,
            items: Vec::new(),
        }
    }
}

/// The days of the breach and of its discovery, as far as they are known.
fn days(source: &Source) -> String {
    let happened = match (source.breach_from, source.breach_until) {
        (Some(from), Some(until)) if from == until => {
            format!("This happened on {}.", in_words(from))
        }
        (Some(from), Some(until)) => format!(
            "This happened between {} and {}.",
            in_words(from),
            in_words(until)
        ),
        _ => "We do not know on which day this happened.".to_owned(),
    };
    format!(
        "{happened} We found out on {}.",
        in_words(source.discovered_on)
    )
}

fn seen(source: &Source) -> Option<Section> {
    let mut section = Section::new(
        "What information was involved",
        paragraphs(source.letter_data.as_deref()?),
    );
    for resource_type in &source.seen {
        let words = match resource_type.as_str() {
            "PATIENT" => {
                "Your name, your date of birth, your contact data and the summary of your chart"
            }
            "MEDICAL_RECORD" => {
                "Entries of your medical record, such as notes, results or diagnoses"
            }
            "APPOINTMENT" => "Your visits",
            "FILE" => "Your files, such as documents or pictures",
            "EMERGENCY_ACCESS" => "Your name, your date of birth and your patient number",
            "USER" => "Your account and your contact data",
            _ => "Other data about you",
        };
        if !section.items.iter().any(|item| item == words) {
            section.items.push(words.to_owned());
        }
    }
    if !section.items.is_empty() {
        section
            .paragraphs
            .push("Our records show that these parts of your chart were opened:".to_owned());
    }
    Some(section)
}

fn contact(source: &Source) -> Section {
    let ways = [
        ("Call us toll-free", &source.clinic_phone),
        ("Send an e-mail", &source.clinic_email),
        ("Visit our website", &source.clinic_website),
        ("Write to us", &source.clinic_address),
    ];
    let ways = ways
        .iter()
        .filter_map(|(way, value)| Some(format!("{way}: {}", value.as_ref()?)));
    Section {
        heading: "How to reach us",
        paragraphs: vec![
            "We will gladly answer your questions and tell you more. You can reach us in this way:"
                .to_owned(),
        ],
        items: ways.collect(),
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

fn paragraphs(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The date as a letter writes it: `May 13, 2030`.
fn in_words(date: Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = date.to_string();
    let parts: Vec<usize> = text
        .split('-')
        .filter_map(|part| part.parse().ok())
        .collect();
    match parts[..] {
        [year, month @ 1..=12, day] => format!("{} {day}, {year}", MONTHS[month - 1]),
        _ => text,
    }
}
