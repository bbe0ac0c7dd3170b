//! Writes the packages of the sample charts into the folder that the argument names, for tests/fhir-validators/run.
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chart_export::Omission;
use sample_charts::{bodies, bundles, complete, rows, write};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).context("name a folder")?);
    std::fs::create_dir_all(&folder)?;
    let mut charts: Vec<_> = bundles()
        .into_iter()
        .map(|(name, bundle)| (name, rows(&bodies(&bundle)), Vec::new()))
        .collect();
    let omissions = [
        Omission {
            entries: 3,
            ground: "they are psychotherapy notes (45 CFR 164.524(a)(1)(i)).".to_owned(),
            review: None,
        },
        Omission {
            entries: 1,
            ground: "a licensed health care professional found that reading it is reasonably likely to endanger the life or \
                     safety of a person (45 CFR 164.524(a)(3)(i))."
                .to_owned(),
            review: Some(
                "You can ask the clinic that another professional reviews this decision.".to_owned(),
            ),
        },
    ];
    charts.push(("complete".to_owned(), complete(), omissions.into()));
    for (name, chart, omissions) in charts {
        let file = File::create(folder.join(format!("{name}.zip")))?;
        let out = BufWriter::new(file);
        write(&chart, "the patient", &omissions, out)?;
    }
    Ok(())
}
