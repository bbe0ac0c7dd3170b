//! The letter about a request for access: the denial with the content that 45 CFR 164.524(d)(2) requires, or the extension
//! of the time (164.524(b)(2)(ii)).

use api::prelude::*;
use domain::export::{DenialGround, Exclusion, ReviewOutcome};
use letters::{Head, Letter, Section, complaint, in_words, paragraphs};
use sql::{FromRow, Jsonb, postgres, row};

row! {
    /// The facts of the request that the letter is about.
    pub struct Facts {
        /// The patient.
        pub patient_id: PatientId,
        /// The day of the receipt.
        pub received_on: Date,
        /// The last day for the answer.
        pub due_on: Date,
        /// Why the time was extended.
        pub extension_reason: Option<String>,
        /// The ground on which everything is denied.
        pub denial_ground: Option<DenialGround>,
        /// The basis of that.
        pub denial_basis: Option<String>,
        /// What is left out.
        pub exclusions: Jsonb<Vec<Exclusion>>,
        /// Whether something is reviewed if the patient asks.
        pub is_reviewable: bool,
        /// What the review found.
        pub review_outcome: Option<ReviewOutcome>,
        /// The basis of that.
        pub review_basis: Option<String>,
    }
}

/// What a letter is made of.
pub struct Source {
    head: Head,
    /// The request.
    pub export: Facts,
}

impl FromRow for Source {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            head: Head::from_row(row)?,
            export: Facts::from_row(row)?,
        })
    }
}

/// Returns none if there is nothing to write about, or if the clinic has no name or no telephone number.
pub fn write(source: Source) -> Option<Letter> {
    let Source { head, export } = source;
    let Jsonb(exclusions) = &export.exclusions;
    let mut opening = vec![format!(
        "On {} we received your request for a copy of your health record.",
        in_words(export.received_on)
    )];
    let mut sections = Vec::new();
    if let Some(ground) = export.denial_ground {
        opening.push("We can not give you this copy.".to_owned());
        let mut why = vec![because(ground).to_owned()];
        why.extend(paragraphs(export.denial_basis.as_deref()?));
        sections.push(Section::new("Why we deny it", why));
    } else if !exclusions.is_empty() {
        opening.push(
            "We give you the copy, but we leave out a part of it. You get all the rest.".to_owned(),
        );
        let mut why = Section::new(
            "What we leave out",
            vec!["This is how many entries we leave out, and why:".to_owned()],
        );
        why.items = exclusions.iter().map(left_out).collect();
        sections.push(why);
    } else {
        opening.push("We need more time to answer it.".to_owned());
        let mut delay = paragraphs(export.extension_reason.as_deref()?);
        delay.push(format!(
            "We will answer by {} at the latest.",
            in_words(export.due_on)
        ));
        sections.push(Section::new("Why we need more time", delay));
    }
    if let Some(outcome) = export.review_outcome {
        let mut review = vec![match outcome {
            ReviewOutcome::Upheld => {
                "Another health care professional reviewed our decision. It stands.".to_owned()
            }
            ReviewOutcome::Overturned => {
                "Another health care professional reviewed our decision. You get what we left out."
                    .to_owned()
            }
        }];
        review.extend(paragraphs(export.review_basis.as_deref()?));
        sections.push(Section::new("The review", review));
    } else if export.is_reviewable {
        sections.push(Section::new(
            "If you want a review",
            vec![
                "You have the right to a review of this decision. Ask for it in the patient portal with your request, or \
                 write to us. A licensed health care professional who took no part in the decision will then review it. We \
                 will tell you the result in writing and do what they decide."
                    .to_owned(),
            ],
        ));
    }
    opening.extend(head.who_is_you());
    sections.insert(0, Section::new("", opening));
    if export.denial_ground.is_some() || !exclusions.is_empty() {
        sections.push(complaint(&head)?);
    }
    sections.push(Section {
        heading: "How to reach us",
        paragraphs: vec!["You can reach us in this way:".to_owned()],
        items: head.ways("Call us"),
    });
    head.letter("Your request for a copy of your health record", sections)
}

fn left_out(exclusion: &Exclusion) -> String {
    let entries = match exclusion.entries {
        1 => "1 entry".to_owned(),
        entries => format!("{entries} entries"),
    };
    format!("{entries}: {}", because(exclusion.ground))
}

/// The ground in a plain sentence.
fn because(ground: DenialGround) -> &'static str {
    match ground {
        DenialGround::PsychotherapyNotes => {
            "The law gives no right to a copy of psychotherapy notes."
        }
        DenialGround::LegalProceeding => "The information was put together for a legal proceeding.",
        DenialGround::Inmate => {
            "A copy would put the safety of people in the correctional institution at risk."
        }
        DenialGround::Research => {
            "The information belongs to research that is not over, and you agreed to wait until it is."
        }
        DenialGround::PrivacyAct => "The Privacy Act lets us deny it.",
        DenialGround::ConfidentialSource => {
            "Somebody gave us the information because we promised not to tell who it came from."
        }
        DenialGround::EndangersLife => {
            "A health care professional decided that the information could put your life or safety, or that of somebody else, at risk."
        }
        DenialGround::HarmsAnotherPerson => {
            "The information is about another person too, and a health care professional decided that it could cause them serious harm."
        }
        DenialGround::RepresentativeMayHarm => {
            "A health care professional decided that giving the information to a representative could cause serious harm."
        }
    }
}
