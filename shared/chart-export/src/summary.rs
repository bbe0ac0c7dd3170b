//! The summary: one HTML file without scripts that loads nothing, written row by row.

mod described;
mod rows;
mod words;

use std::io::{self, Write};

use askama::Template;
use domain::appointment::Appointment;
use domain::content::RecordType;
use domain::file::FileMetadata;
use domain::patient::{Deceased, Patient};
use domain::record::MedicalRecord;
use domain::user::User;
use fhir::export::{Amendment, Clinic};
use sql::Jsonb;

use crate::member::Member;
use crate::package::Package;
use rows::{Cell, Describe};
pub(crate) use words::time;
use words::{date, gender, when};

/// A part of the summary. The parts come in the order of [`Section::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// Conditions: the patient's history and risk factors, and records of type DIAGNOSIS.
    Problems,
    /// The patient's allergies.
    Allergies,
    /// Records of type PRESCRIPTION.
    Medicines,
    /// Records of type LAB_RESULT.
    Results,
    /// Records of type IMMUNIZATION.
    Vaccinations,
    /// Records of type TREATMENT.
    Procedures,
    /// Records of type IMAGING.
    Imaging,
    /// Visits.
    Visits,
    /// Records of the types NOTE and SUMMARY.
    Notes,
    /// The patient's goals.
    Goals,
    /// Records of type CARE_PLAN.
    Plans,
    /// Files.
    Files,
}

impl Section {
    /// All parts, in their order.
    pub const ALL: [Self; 12] = [
        Self::Problems,
        Self::Allergies,
        Self::Medicines,
        Self::Results,
        Self::Vaccinations,
        Self::Procedures,
        Self::Imaging,
        Self::Visits,
        Self::Notes,
        Self::Goals,
        Self::Plans,
        Self::Files,
    ];

    /// The types of the records that belong to this part.
    pub fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Problems => &[RecordType::Diagnosis],
            Self::Medicines => &[RecordType::Prescription],
            Self::Results => &[RecordType::LabResult],
            Self::Vaccinations => &[RecordType::Immunization],
            Self::Procedures => &[RecordType::Treatment],
            Self::Imaging => &[RecordType::Imaging],
            Self::Notes => &[RecordType::Note, RecordType::Summary],
            Self::Plans => &[RecordType::CarePlan],
            Self::Allergies | Self::Visits | Self::Goals | Self::Files => &[],
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Problems => "Conditions",
            Self::Allergies => "Allergies and intolerances",
            Self::Medicines => "Medicines",
            Self::Results => "Test results and measurements",
            Self::Vaccinations => "Vaccinations",
            Self::Procedures => "Procedures and treatments",
            Self::Imaging => "Imaging",
            Self::Visits => "Visits",
            Self::Notes => "Notes",
            Self::Goals => "Goals",
            Self::Plans => "Care plans",
            Self::Files => "Files",
        }
    }

    /// The anchor of the part.
    fn anchor(self) -> &'static str {
        match self {
            Self::Problems => "conditions",
            Self::Allergies => "allergies",
            Self::Medicines => "medicines",
            Self::Results => "results",
            Self::Vaccinations => "vaccinations",
            Self::Procedures => "procedures",
            Self::Imaging => "imaging",
            Self::Visits => "visits",
            Self::Notes => "notes",
            Self::Goals => "goals",
            Self::Plans => "plans",
            Self::Files => "files",
        }
    }

    /// The heads of the columns. Notes have none: each is a text of its own.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Problems => &["Condition", "Status", "Time", "Details"],
            Self::Allergies => &["Substance", "Reaction", "Status", "Time"],
            Self::Medicines => &["Medicine", "How to take it", "Status", "Details"],
            Self::Results => &["Test", "Result", "Usual range", "Time", "Details"],
            Self::Vaccinations => &["Vaccine", "Time", "Status", "Details"],
            Self::Procedures => &["Procedure", "Time", "Status", "Details"],
            Self::Imaging => &["Study", "Time", "Details"],
            Self::Visits => &["Time", "With", "Status", "Details"],
            Self::Notes => &[],
            Self::Goals => &["Goal", "Status", "Time"],
            Self::Plans => &["Plan", "Activities", "Status", "Details"],
            Self::Files => &["File", "Type and size", "Time", "Details"],
        }
    }
}

/// Entries that aren't in the package, because the law allows to deny access to them (45 CFR 164.524(a)).
#[derive(Debug, Clone)]
pub struct Omission {
    /// The number of entries.
    pub entries: u64,
    /// The ground in plain words, such as "a licensed health care professional decided that …".
    pub ground: String,
    /// How the patient can have the decision reviewed. None if it isn't reviewable.
    pub review: Option<String>,
}

#[derive(Template)]
#[template(path = "head.html")]
struct Head<'a> {
    clinic: &'a Clinic,
    /// What each printed page says. It stands in the style sheet, so it has no character with a meaning there.
    label: String,
    name: String,
    facts: Vec<(&'static str, String)>,
    recipient: &'a str,
    made_at: String,
    period: String,
    zone: &'a str,
    omissions: &'a [Omission],
    amendments: Vec<Amended>,
    sections: [Section; 12],
}

#[derive(Template)]
#[template(path = "section.html")]
struct SectionHead {
    section: Section,
}

#[derive(Template)]
#[template(path = "table.html")]
struct Table {
    section: Section,
    lead: &'static str,
}

#[derive(Template)]
#[template(path = "row.html")]
struct Row {
    cells: Vec<Cell>,
    amendments: Vec<Amended>,
    columns: usize,
}

#[derive(Template)]
#[template(path = "note.html")]
struct Note {
    title: String,
    cell: Cell,
    amendments: Vec<Amended>,
}

#[derive(Template)]
#[template(path = "foot.html")]
struct Foot<'a> {
    clinic: &'a Clinic,
}

/// A statement about an entry, in words.
struct Amended {
    title: String,
    text: String,
}

/// The summary that is being written.
#[derive(Debug)]
pub struct Summary<'p, W: Write> {
    out: Member<'p, W>,
    patient: &'p Patient,
    describe: Describe,
    section: Option<Section>,
    /// Whether the present part has an entry.
    has_rows: bool,
    clinic: Clinic,
}

impl<'p, W: Write> Summary<'p, W> {
    pub(crate) fn begin(
        package: &'p mut Package<W>,
        patient: &'p Patient,
        user: Option<&User>,
        amendments: &[Amendment],
        omissions: &[Omission],
    ) -> io::Result<Self> {
        let describe = Describe::new(package);
        let about = package.about();
        let clinic = about.clinic.clone();
        let zone = &about.zone;
        let period = match about.period {
            Some((from, until)) => format!(
                "{} to {}",
                date(&from.to_string()),
                date(&until.to_string())
            ),
            None => "All years".to_owned(),
        };
        let names = [&patient.first_name, &patient.last_name];
        let names: Vec<_> = names.into_iter().flatten().map(String::as_str).collect();
        let mut facts = vec![
            ("Patient number", patient.patient_number.clone()),
            ("Date of birth", date(&patient.date_of_birth.to_string())),
            ("Gender", gender(patient.gender).to_owned()),
        ];
        if let Some(Jsonb(Deceased { at })) = &patient.deceased {
            let at = at.as_ref().map(|at| when(&at.to_string(), zone));
            facts.push(("Died", at.unwrap_or_else(|| "Yes".to_owned())));
        }
        if let Some(user) = user {
            facts.extend(described::contact(user));
        }
        if let Some(data) = &patient.custom_data {
            facts.push(("Further data", rows::custom(data.value()).join("; ")));
        }
        let head = Head {
            clinic: &clinic,
            label: label(&names.join(" "), &patient.patient_number),
            name: names.join(" "),
            facts,
            recipient: &about.recipient,
            made_at: time(about.made_at, zone),
            period,
            zone: &about.zone_name,
            omissions,
            amendments: amended(amendments),
            sections: Section::ALL,
        };
        let head = head.render().map_err(io::Error::other)?;
        let mut out = Member::begin(package, "summary.html", "text/html", 0)?;
        out.write_all(head.as_bytes())?;
        Ok(Self {
            out,
            patient,
            describe,
            section: None,
            has_rows: false,
            clinic,
        })
    }

    /// Begins a part. Its entries follow, the newest first.
    ///
    /// # Errors
    /// The parts don't come in their order, or the writer fails.
    pub fn section(&mut self, section: Section) -> io::Result<()> {
        let next = self.section.map_or(0, |section| section as usize + 1);
        if section as usize != next {
            return Err(misplaced());
        }
        self.end_section()?;
        self.section = Some(section);
        self.has_rows = false;
        self.render(&SectionHead { section })?;
        let patient = self.patient;
        match section {
            Section::Problems => {
                let history = patient.medical_history.iter().flat_map(|Jsonb(all)| all);
                for past in history {
                    let cells = self.describe.past(past);
                    self.row(cells, &[])?;
                }
                let risks = patient.risk_factors.iter().flat_map(|Jsonb(all)| all);
                for risk in risks {
                    let cells = self.describe.risk(risk);
                    self.row(cells, &[])?;
                }
            }
            Section::Allergies => {
                let allergies = patient.allergies.iter().flat_map(|Jsonb(all)| all);
                for allergy in allergies {
                    let cells = self.describe.allergy(allergy);
                    self.row(cells, &[])?;
                }
            }
            Section::Goals => {
                let goals = patient.health_goals.iter().flat_map(|Jsonb(all)| all);
                for goal in goals {
                    let cells = self.describe.goal(goal);
                    self.row(cells, &[])?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Writes a record of the present part.
    ///
    /// # Errors
    /// Records of its type belong to another part, or the writer fails.
    pub fn record(&mut self, record: &MedicalRecord, amendments: &[Amendment]) -> io::Result<()> {
        let section = self.section.ok_or_else(misplaced)?;
        if !section.record_types().contains(&record.record_type) {
            return Err(misplaced());
        }
        if section == Section::Notes {
            let (title, cell) = self.describe.note(record);
            self.has_rows = true;
            return self.render(&Note {
                title,
                cell,
                amendments: amended(amendments),
            });
        }
        let cells = self.describe.record(record, section.columns().len());
        self.row(cells, amendments)
    }

    /// Writes a visit.
    ///
    /// # Errors
    /// Another part has begun, or the writer fails.
    pub fn visit(&mut self, visit: &Appointment, amendments: &[Amendment]) -> io::Result<()> {
        if self.section != Some(Section::Visits) {
            return Err(misplaced());
        }
        let cells = self.describe.visit(visit);
        self.row(cells, amendments)
    }

    /// Writes a file. `is_included` says whether its bytes are in the package.
    ///
    /// # Errors
    /// Another part has begun, or the writer fails.
    pub fn file(
        &mut self,
        file: &FileMetadata,
        is_included: bool,
        amendments: &[Amendment],
    ) -> io::Result<()> {
        if self.section != Some(Section::Files) {
            return Err(misplaced());
        }
        let cells = self.describe.file(file, is_included);
        self.row(cells, amendments)
    }

    /// Ends the summary. Parts that were not begun are written as empty.
    ///
    /// # Errors
    /// The writer fails.
    pub fn finish(mut self) -> io::Result<()> {
        let next = self.section.map_or(0, |section| section as usize + 1);
        for section in &Section::ALL[next..] {
            self.section(*section)?;
        }
        self.end_section()?;
        let foot = Foot {
            clinic: &self.clinic,
        };
        let foot = foot.render().map_err(io::Error::other)?;
        self.out.write_all(foot.as_bytes())?;
        self.out.finish();
        Ok(())
    }

    fn row(&mut self, cells: Vec<Cell>, amendments: &[Amendment]) -> io::Result<()> {
        let section = self.section.ok_or_else(misplaced)?;
        if !self.has_rows {
            self.has_rows = true;
            let lead = match section {
                Section::Files => "The links work after the package is unpacked.",
                _ => "",
            };
            self.render(&Table { section, lead })?;
        }
        self.render(&Row {
            columns: section.columns().len(),
            cells,
            amendments: amended(amendments),
        })
    }

    fn end_section(&mut self) -> io::Result<()> {
        let Some(section) = self.section else {
            return Ok(());
        };
        let end = match (self.has_rows, section) {
            (false, _) => "<p>None are recorded.</p>\n</section>\n",
            (true, Section::Notes) => "</section>\n",
            (true, _) => "</tbody>\n</table>\n</section>\n",
        };
        self.out.write_all(end.as_bytes())
    }

    fn render(&mut self, template: &impl Template) -> io::Result<()> {
        let html = template.render().map_err(io::Error::other)?;
        self.out.write_all(html.as_bytes())
    }
}

fn amended(amendments: &[Amendment]) -> Vec<Amended> {
    let statements = amendments.iter().flat_map(|it| &it.statements);
    let amended = statements.map(|statement| Amended {
        title: format!(
            "{}, {}",
            statement.kind.title(),
            date(&statement.on.to_string())
        ),
        text: statement.text.clone(),
    });
    amended.collect()
}

/// The patient as each printed page names them.
fn label(name: &str, number: &str) -> String {
    let text = format!("Health record of {name}, {number}");
    let is_plain = |c: &char| c.is_alphanumeric() || " ,.-".contains(*c);
    text.chars().filter(is_plain).collect()
}

fn misplaced() -> io::Error {
    let message = "the entries of a summary come part by part, in the order of Section::ALL";
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_leave_the_style_sheet() {
        let label = label("Ada\"}</style><b>\\\n'Müller-Lüdenscheidt", "M.1");
        assert_eq!(label, "Health record of AdastylebMüller-Lüdenscheidt, M.1");
    }
}
