//! `migrate`: what a deployment runs before the functions change.
//!
//! `MIGRATION_DATABASE_URL` is the direct endpoint. `APP_PASSWORD` sets the functions' password;
//! `migrate bootstrap-admin SUB EMAIL FIRST_NAME LAST_NAME` makes the first administrator.
#![expect(clippy::print_stdout, reason = "a command's answer")]

use anyhow::{Context as _, Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let url = settings::required("MIGRATION_DATABASE_URL")?;
    let ca_file = settings::optional("DATABASE_CA_FILE");
    let ca_file = ca_file.as_deref();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            let report = migrations::run(&url, ca_file).await?;
            for name in &report.applied {
                println!("applied {name}");
            }
            println!("the schema is current");
            if let Some(password) = settings::optional("APP_PASSWORD") {
                migrations::set_password(&url, ca_file, "caretrail_app", &password).await?;
                println!("caretrail_app may log in");
            }
        }
        ["bootstrap-admin", id, email, first_name, last_name] => {
            let id = id.parse().context("SUB is a UUID")?;
            let made = migrations::bootstrap_admin(&url, ca_file, id, email, first_name, last_name)
                .await?;
            println!(
                "{}",
                if made {
                    "the administrator was made"
                } else {
                    "the administrator exists"
                }
            );
        }
        _ => bail!("usage: migrate [bootstrap-admin SUB EMAIL FIRST_NAME LAST_NAME]"),
    }
    Ok(())
}
