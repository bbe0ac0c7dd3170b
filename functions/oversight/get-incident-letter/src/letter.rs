//! The letter to a patient, with the content that 45 CFR 164.404(c)(1) requires.

use api::prelude::*;
use letters::{Head, Letter, Section, in_words, paragraphs};
use sql::{FromRow, postgres, row};

row! {
    /// What a letter says of the breach: see `incident_letter` in `migrations/V0033__incidents.sql`.
    pub struct Breach {
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
    }
}

/// What a letter is made of.
pub struct Source {
    head: Head,
    breach: Breach,
}

impl FromRow for Source {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            head: Head::from_row(row)?,
            breach: Breach::from_row(row)?,
        })
    }
}

/// Returns none if a text of the letter or the name of the clinic is missing.
pub fn write(source: Source) -> Option<Letter> {
    let Source { head, breach } = source;
    let mut opening = vec![
        "We are writing because some of your health information was seen or used in a way that is not allowed. This \
         letter tells you what happened, what you can do and how to reach us."
            .to_owned(),
    ];
    opening.extend(head.who_is_you());
    let sections = vec![
        Section::new("", opening),
        Section::new(
            "What happened",
            [
                paragraphs(breach.letter_happened.as_deref()?),
                vec![days(&breach)],
            ]
            .concat(),
        ),
        seen(&breach)?,
        Section::new(
            "What you can do",
            paragraphs(breach.letter_steps.as_deref()?),
        ),
        Section::new(
            "What we are doing",
            paragraphs(breach.letter_response.as_deref()?),
        ),
        Section {
            heading: "How to reach us",
            paragraphs: vec![
                "We will gladly answer your questions and tell you more. You can reach us in this way:"
                    .to_owned(),
            ],
            items: head.ways("Call us toll-free"),
        },
        Section::new("", vec!["We are sorry that this happened.".to_owned()]),
    ];
    head.letter("Notice about your health information", sections)
}

/// The days of the breach and of its discovery, as far as they are known.
fn days(breach: &Breach) -> String {
    let happened = match (breach.breach_from, breach.breach_until) {
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
        in_words(breach.discovered_on)
    )
}

fn seen(breach: &Breach) -> Option<Section> {
    let mut section = Section::new(
        "What information was involved",
        paragraphs(breach.letter_data.as_deref()?),
    );
    for resource_type in &breach.seen {
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
            "AMENDMENT" => "What you asked us to correct in your medical record, and our answers",
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
