//! Writes the package of a sample chart, as the job that makes packages does.

use std::io::{self, Write};

use chart_export::{About, Omission, Package, Section};
use domain::zone::Zone;
use uuid::Uuid;

use crate::{Sample, clinic};

/// What a package says about itself.
pub fn about(sample: &Sample, recipient: &str) -> About {
    About {
        id: Uuid::from_u128(0x0190_a5e4_7c1b_7d2e_8f30_4a5b_6c7d_8e04),
        clinic: clinic(),
        patient: sample.patient.id.into(),
        recipient: recipient.to_owned(),
        period: None,
        made_at: "2026-06-01T15:00:00Z".parse().expect("a time"),
        zone: Zone::named("America/New_York").expect("a zone"),
        zone_name: "America/New_York".to_owned(),
    }
}

/// Writes the package of the chart.
///
/// # Errors
/// The writer fails.
pub fn write<W: Write>(
    sample: &Sample,
    recipient: &str,
    omissions: &[Omission],
    out: W,
) -> io::Result<W> {
    let mut package = Package::begin(out, about(sample, recipient))?;
    let of_patient = sample.amendments_of(sample.patient.id);

    let mut bundle = package.bundle()?;
    for provider in &sample.providers {
        bundle.provider(provider)?;
    }
    bundle.patient(&sample.patient, Some(&sample.user), of_patient)?;
    for visit in &sample.visits {
        bundle.visit(visit, sample.amendments_of(visit.id))?;
    }
    for record in &sample.records {
        bundle.record(record, sample.amendments_of(record.id))?;
    }
    for (file, _) in &sample.files {
        bundle.file(file, true, sample.amendments_of(file.id))?;
    }
    bundle.finish()?;

    let user = Some(&sample.user);
    let mut summary = package.summary(&sample.patient, user, of_patient, omissions)?;
    for section in Section::ALL {
        summary.section(section)?;
        let kinds = section.record_types();
        let records = sample.records.iter();
        for record in records.filter(|it| kinds.contains(&it.record_type)) {
            summary.record(record, sample.amendments_of(record.id))?;
        }
        if section == Section::Visits {
            for visit in &sample.visits {
                summary.visit(visit, sample.amendments_of(visit.id))?;
            }
        }
        if section == Section::Files {
            for (file, _) in &sample.files {
                summary.file(file, true, sample.amendments_of(file.id))?;
            }
        }
    }
    summary.finish()?;

    for (file, bytes) in &sample.files {
        let mut member = package.file(file)?;
        member.write(bytes)?;
        member.finish()?;
    }
    package.finish()
}
