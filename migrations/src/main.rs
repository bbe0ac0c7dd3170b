//! `migrate`: what a deployment runs before the functions change.
//!
//! `MIGRATION_DATABASE_URL` is the direct endpoint. `PEOPLE_PASSWORD`, `JOBS_PASSWORD`,
//! `HEALTH_PASSWORD` and `SEALER_PASSWORD` set the passwords of the functions' logins, and `TICKET_KEY` adds the key that
//! verifies their tickets. [`USAGE`] lists the other commands.
#![expect(clippy::print_stdout, reason = "a command's answer")]

use anyhow::{Context as _, Result, bail};
use migrations::LOGINS;

const USAGE: &str = "usage: migrate
       migrate make-user ROLE SUB EMAIL FIRST_NAME LAST_NAME
       migrate two-person-rule on|off
       migrate care-after-visit INTERVAL
       migrate upload-quota FILES BYTES
       migrate refusals-per-minute NUMBER
       migrate emergency-searches-an-hour NUMBER
       migrate emergency-review-hours HOURS
       migrate retention-jurisdiction JURISDICTION
       migrate deletion on|off
       migrate days-to-object DAYS
       migrate days-to-explain DAYS
       migrate off-hours-weight NUMBER
       migrate staff-names on|off
       migrate accounting-fee CENTS
       migrate clinic-contact NAME PHONE|- EMAIL|- WEBSITE|- ADDRESS|-
       migrate time-zone ZONE
       migrate reminder-offsets none|OFFSET...
       migrate forget-former-ticket-key
       migrate renew-seal-key";

/// The variables with the passwords of [`LOGINS`].
const PASSWORDS: [&str; 4] = [
    "PEOPLE_PASSWORD",
    "JOBS_PASSWORD",
    "HEALTH_PASSWORD",
    "SEALER_PASSWORD",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let url = settings::required("MIGRATION_DATABASE_URL")?;
    let ca_file = settings::optional("DATABASE_CA_FILE");
    let ca_file = ca_file.as_deref();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => migrate(&url, ca_file).await?,
        ["make-user", role, subject, email, first_name, last_name] => {
            let subject = subject.parse().context("SUB is a UUID")?;
            let made =
                migrations::make_user(&url, ca_file, role, subject, email, first_name, last_name)
                    .await?;
            println!(
                "{}",
                if made {
                    "the user was made"
                } else {
                    "the user exists"
                }
            );
        }
        ["two-person-rule", setting @ ("on" | "off")] => {
            migrations::set_two_person_rule(&url, ca_file, setting == "on").await?;
            println!("the two-person rule is {setting}");
        }
        ["forget-former-ticket-key"] => {
            migrations::forget_former_ticket_key(&url, ca_file).await?;
            println!("only the newest ticket key is valid");
        }
        ["renew-seal-key"] => {
            migrations::renew_seal_key(&url, ca_file).await?;
            println!("a new key seals the actors");
        }
        ["care-after-visit", interval] => {
            migrations::set_care_after_visit(&url, ca_file, interval).await?;
            println!("care lasts {interval} after a visit");
        }
        ["upload-quota", files, bytes] => {
            let files = files.parse().context("FILES is a whole number")?;
            let bytes = bytes.parse().context("BYTES is a whole number")?;
            migrations::set_upload_quota(&url, ca_file, files, bytes).await?;
            println!("an account may announce {files} files and {bytes} bytes a day");
        }
        ["refusals-per-minute", number] => {
            let number = number.parse().context("NUMBER is a whole number")?;
            migrations::set_refusals_per_minute(&url, ca_file, number).await?;
            println!("{number} refusals of a caller get an audit row within a minute");
        }
        ["emergency-searches-an-hour", number] => {
            let number = number.parse().context("NUMBER is a whole number")?;
            migrations::set_emergency_searches(&url, ca_file, number).await?;
            println!(
                "a user may look for {number} patients within an hour to get emergency access"
            );
        }
        ["emergency-review-hours", hours] => {
            let hours = hours.parse().context("HOURS is a whole number")?;
            migrations::set_emergency_review_hours(&url, ca_file, hours).await?;
            println!("an emergency access from now on is reviewed within {hours} hours");
        }
        ["retention-jurisdiction", jurisdiction] => {
            migrations::set_retention_jurisdiction(&url, ca_file, jurisdiction).await?;
            println!("the retention rules of {jurisdiction} apply");
        }
        ["deletion", setting @ ("on" | "off")] => {
            migrations::set_deletion(&url, ca_file, setting == "on").await?;
            println!("deletion after the end of retention is {setting}");
        }
        ["days-to-object", days] => {
            let days = days.parse().context("DAYS is a whole number")?;
            migrations::set_days_to_object(&url, ca_file, days).await?;
            println!("a row is listed for {days} days before it is deleted");
        }
        ["days-to-explain", days] => {
            let days = days.parse().context("DAYS is a whole number")?;
            migrations::set_days_to_explain(&url, ca_file, days).await?;
            println!("a visit explains accesses {days} days before and after it");
        }
        ["off-hours-weight", weight] => {
            let weight = weight.parse().context("NUMBER is a whole number")?;
            migrations::set_off_hours_weight(&url, ca_file, weight).await?;
            println!("an access off-hours raises the score of an alert by {weight}");
        }
        ["staff-names", setting @ ("on" | "off")] => {
            migrations::set_staff_names(&url, ca_file, setting == "on").await?;
            println!("the names of staff in the list of who opened a chart are {setting}");
        }
        ["accounting-fee", cents] => {
            let cents = cents.parse().context("CENTS is a whole number")?;
            migrations::set_accounting_fee(&url, ca_file, cents).await?;
            println!("a further accounting within twelve months costs {cents} cents");
        }
        ["clinic-contact", name, ref ways @ ..] if ways.len() == 4 => {
            let ways = std::array::from_fn(|at| Some(ways[at]).filter(|way| *way != "-"));
            migrations::set_clinic_contact(&url, ca_file, name, ways).await?;
            println!("letters to patients name {name} and how to reach it");
        }
        ["time-zone", time_zone] => {
            migrations::set_time_zone(&url, ca_file, time_zone).await?;
            println!("the clinic's time zone is {time_zone}");
        }
        ["reminder-offsets", "none"] => {
            migrations::set_reminder_offsets(&url, ca_file, &[]).await?;
            println!("no visit is announced as due");
        }
        ["reminder-offsets", ref offsets @ ..] if !offsets.is_empty() => {
            migrations::set_reminder_offsets(&url, ca_file, offsets).await?;
            println!(
                "a visit is announced as due {} before it",
                offsets.join(" and ")
            );
        }
        _ => bail!(USAGE),
    }
    Ok(())
}

async fn migrate(url: &str, ca_file: Option<&str>) -> Result<()> {
    let key = match settings::optional("TICKET_KEY") {
        Some(text) => Some(settings::key(&text).context("TICKET_KEY is not 32 bytes in base64")?),
        None => None,
    };
    let report = migrations::run(url, ca_file).await?;
    for name in &report.applied {
        println!("applied {name}");
    }
    println!("the schema is current");
    for (login, variable) in LOGINS.iter().zip(PASSWORDS) {
        if let Some(password) = settings::optional(variable) {
            migrations::set_password(url, ca_file, login, &password).await?;
            println!("{login} may log in");
        }
    }
    if let Some(key) = key {
        migrations::add_ticket_key(url, ca_file, &key).await?;
        println!("the ticket key is valid");
    }
    Ok(())
}
