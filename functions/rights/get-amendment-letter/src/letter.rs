//! The letter about an amendment: the acceptance (45 CFR 164.526(c)(2)), the denial with the content that 164.526(d)(1)
//! requires, or the extension of the time (164.526(b)(2)(ii)).

use api::prelude::*;
use domain::amendment::{AmendmentDenialGround, AmendmentField, AmendmentOrigin, AmendmentStatus};
use domain::record::RecordType;
use letters::{Head, Letter, Section, complaint, in_words, paragraphs};
use sql::{FromRow, postgres, row};

row! {
    /// The facts of the amendment that the letter is about.
    pub struct Facts {
        /// The patient.
        pub patient_id: PatientId,
        /// The origin of the amendment.
        pub origin: AmendmentOrigin,
        /// Its status.
        pub status: AmendmentStatus,
        /// The day of the receipt.
        pub received_on: Date,
        /// The last day to decide.
        pub due_on: Option<Date>,
        /// Why the time was extended.
        pub extension_reason: Option<String>,
        /// What is wrong.
        pub statement: Option<String>,
        /// What it should say.
        pub correction: Option<String>,
        /// What the entry is amended to.
        pub addendum: Option<String>,
        /// The ground of the denial.
        pub denial_ground: Option<AmendmentDenialGround>,
        /// The basis of the denial.
        pub denial_basis: Option<String>,
        /// The part of the profile.
        pub profile_field: Option<AmendmentField>,
        /// The type of the record.
        pub record_type: Option<RecordType>,
        /// The day of the record.
        pub record_day: Option<Date>,
        /// The name of the file.
        pub file_name: Option<String>,
    }
}

/// What a letter is made of.
pub struct Source {
    head: Head,
    /// The amendment.
    pub amendment: Facts,
}

impl FromRow for Source {
    fn from_row(row: &postgres::Row) -> Result<Self, postgres::Error> {
        Ok(Self {
            head: Head::from_row(row)?,
            amendment: Facts::from_row(row)?,
        })
    }
}

/// Returns none if there is nothing to write about, or if the name of the clinic is missing.
pub fn write(source: Source) -> Option<Letter> {
    let Source { head, amendment } = source;
    if amendment.origin == AmendmentOrigin::OtherEntity {
        return None;
    }
    let mut opening = vec![format!(
        "On {} we received your request to amend {}.",
        in_words(amendment.received_on),
        entry(&amendment)
    )];
    opening.push(match amendment.status {
        AmendmentStatus::Accepted => "We accept your request.".to_owned(),
        AmendmentStatus::PartlyAccepted => {
            "We accept a part of your request and deny the rest.".to_owned()
        }
        AmendmentStatus::Denied => "We deny your request.".to_owned(),
        AmendmentStatus::Requested => {
            amendment.extension_reason.as_ref()?;
            "We need more time to decide about it.".to_owned()
        }
    });
    opening.extend(head.who_is_you());
    let mut sections = vec![Section::new("", opening), request(&amendment)];
    if amendment.status == AmendmentStatus::Requested {
        sections.push(delay(&amendment)?);
    }
    if let Some(addendum) = &amendment.addendum {
        sections.extend(acceptance(addendum));
    }
    if let Some(ground) = amendment.denial_ground {
        sections.extend(denial(ground, amendment.denial_basis.as_deref()?, &head)?);
    }
    sections.push(Section {
        heading: "How to reach us",
        paragraphs: vec!["You can reach us in this way:".to_owned()],
        items: head.ways("Call us"),
    });
    head.letter("Your request to amend your health record", sections)
}

/// What the patient asked to amend, as a part of a sentence.
fn entry(amendment: &Facts) -> String {
    let day = amendment.record_day.map(in_words).unwrap_or_default();
    if let Some(record_type) = amendment.record_type {
        let words = match record_type {
            RecordType::Diagnosis => "a diagnosis",
            RecordType::Treatment => "a treatment",
            RecordType::Summary => "a summary",
            RecordType::LabResult => "a laboratory result",
            RecordType::Prescription => "a prescription",
            RecordType::Imaging => "an imaging result",
            RecordType::Note => "a note",
            RecordType::Immunization => "an immunization",
            RecordType::CarePlan => "a care plan",
        };
        return format!("{words} of {day} in your health record");
    }
    match (amendment.profile_field, &amendment.file_name) {
        (Some(AmendmentField::Name), _) => "your name".to_owned(),
        (Some(AmendmentField::DateOfBirth), _) => "your date of birth".to_owned(),
        (Some(AmendmentField::Gender), _) => "your gender".to_owned(),
        (Some(AmendmentField::MedicalHistory), _) => "your medical history".to_owned(),
        (Some(AmendmentField::Allergies), _) => "your list of allergies".to_owned(),
        (Some(AmendmentField::HealthGoals), _) => "your health goals".to_owned(),
        (Some(AmendmentField::RiskFactors), _) => "your risk factors".to_owned(),
        (None, Some(name)) => format!("the file \"{name}\" in your health record"),
        (None, None) => "your health record".to_owned(),
    }
}

fn request(amendment: &Facts) -> Section {
    let said = |text: &Option<String>| text.as_deref().map(paragraphs).unwrap_or_default();
    let heads = |text: &str| vec![text.to_owned()];
    Section::new(
        "Your request",
        [
            heads("You told us what is wrong:"),
            said(&amendment.statement),
            heads("You told us what it should say:"),
            said(&amendment.correction),
        ]
        .concat(),
    )
}

fn delay(amendment: &Facts) -> Option<Section> {
    let mut lines = paragraphs(amendment.extension_reason.as_deref()?);
    lines.push(format!(
        "We will decide by {} at the latest.",
        in_words(amendment.due_on?)
    ));
    Some(Section::new("Why we need more time", lines))
}

fn acceptance(addendum: &str) -> [Section; 2] {
    let mut amended = vec![
        "We have added this text to the entry. It is shown with the entry from now on, and goes with it whenever we share \
         it. The entry itself stays as it was written."
            .to_owned(),
    ];
    amended.extend(paragraphs(addendum));
    [
        Section::new("What we have amended", amended),
        Section::new(
            "Who should know",
            vec![
                "Please tell us who needs to know of this amendment, such as another doctor or your insurance. If you name \
                 them, you agree that we tell them. We will also tell those who we know have the entry and may rely on it."
                    .to_owned(),
            ],
        ),
    ]
}

/// The sections that 45 CFR 164.526(d)(1) requires. None if the clinic has no telephone number.
fn denial(ground: AmendmentDenialGround, basis: &str, head: &Head) -> Option<Vec<Section>> {
    let allowed = match ground {
        AmendmentDenialGround::NotCreatedHere => "We did not create this entry.",
        AmendmentDenialGround::NotInRecordSet => {
            "This entry is not part of the records that we use to make decisions about you."
        }
        AmendmentDenialGround::NotOpenToAccess => {
            "The law does not give you a right to see this entry."
        }
        AmendmentDenialGround::AccurateAndComplete => {
            "We found that this entry is accurate and complete."
        }
    };
    let mut why = vec![allowed.to_owned()];
    why.extend(paragraphs(basis));
    Some(vec![
        Section::new("Why we deny it", why),
        Section::new(
            "If you disagree",
            vec![
                "You have the right to send us a written statement that you disagree, and why. Send it in the patient portal \
                 with your request, or write to us. It can have up to 4000 characters. We will keep it with the entry and \
                 send it along whenever we share the entry. We may write a reply to it, and then you get a copy."
                    .to_owned(),
                "If you do not send a statement, you can ask us to send your request and this letter along whenever we share \
                 the entry. We do this without being asked, too."
                    .to_owned(),
            ],
        ),
        complaint(head)?,
    ])
}
