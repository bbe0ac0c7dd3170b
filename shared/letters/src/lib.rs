//! Letters to patients: whole HTML documents in plain language that print well and load nothing from elsewhere.
#![warn(missing_docs)]

mod head;
mod reading_grade;

use askama::Template;
use domain::time::Date;
use errors::Error;

pub use head::Head;
use reading_grade::reading_grade;

/// A letter. The template escapes all text.
#[derive(Debug, Template)]
#[template(path = "letter.html")]
pub struct Letter {
    title: &'static str,
    clinic: String,
    clinic_address: Vec<String>,
    recipient: Vec<String>,
    written_on: String,
    greeting: String,
    sections: Vec<Section>,
}

/// A part of a letter.
#[derive(Debug)]
pub struct Section {
    /// The heading. Empty if it has none.
    pub heading: &'static str,
    /// The paragraphs, in whole sentences.
    pub paragraphs: Vec<String>,
    /// The items of a list below the paragraphs.
    pub items: Vec<String>,
}

impl Letter {
    /// The letter as a whole HTML document. Errors: [`Error::Internal`] if the template fails.
    pub fn html(&self) -> Result<String, Error> {
        self.render()
            .map_err(|_| Error::Internal("a letter can't be written"))
    }

    /// The Flesch-Kincaid grade level of the letter's sentences.
    pub fn grade(&self) -> f64 {
        let paragraphs = self.sections.iter().flat_map(|section| &section.paragraphs);
        reading_grade(paragraphs.map(String::as_str))
    }
}

impl Section {
    /// A section without a list.
    pub fn new(heading: &'static str, paragraphs: Vec<String>) -> Self {
        Self {
            heading,
            paragraphs,
            items: Vec::new(),
        }
    }
}

/// The section that says how to complain to the clinic and to the Secretary of HHS (45 CFR 160.306, 164.530(d)). None if the
/// clinic has no name or no telephone number.
pub fn complaint(head: &Head) -> Option<Section> {
    let (clinic, phone) = (head.clinic_name.as_deref()?, head.clinic_phone.as_deref()?);
    Some(Section::new(
        "If you want to complain",
        vec![
            format!("You can complain to us. Ask for the privacy officer of {clinic}: {phone}."),
            "You can also complain to the Secretary of Health and Human Services: Office for Civil Rights, U.S. Department \
             of Health and Human Services, 200 Independence Avenue SW, Washington, DC 20201, or \
             www.hhs.gov/ocr/complaints. You must do so in writing within 180 days. Nobody may treat you worse because you \
             complain."
                .to_owned(),
        ],
    ))
}

/// The lines of a text that aren't blank, each as a paragraph.
pub fn paragraphs(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The date as a letter writes it: `May 13, 2030`.
pub fn in_words(date: Date) -> String {
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
