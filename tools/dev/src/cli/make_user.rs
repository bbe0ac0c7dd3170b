//! `cargo dev make-user`
#![expect(clippy::print_stdout, reason = "the command says what it did")]

use std::env;

use anyhow::Result;
use clap::Args;
use uuid::Uuid;

use super::Place;

/// A user of the Supabase project that the cloud takes tokens of.
#[derive(Debug, Args)]
pub struct MakeUser {
    /// The role: ADMIN or COMPLIANCE_OFFICER. They make all other users.
    role: String,
    /// The user's id in Supabase, the token's `sub`.
    sub: Uuid,
    /// The sign-in e-mail.
    email: String,
    /// The given name.
    first_name: String,
    /// The family name.
    last_name: String,
}

/// Makes the user as `migrate make-user` does.
pub async fn run(place: &Place, user: &MakeUser) -> Result<()> {
    let ca_file = env::var("DATABASE_CA_FILE")
        .ok()
        .filter(|file| !file.is_empty());
    let is_made = migrations::make_user(
        &place.running()?.direct_database_url,
        ca_file.as_deref(),
        &user.role,
        user.sub,
        &user.email,
        &user.first_name,
        &user.last_name,
    )
    .await?;
    println!(
        "{}",
        if is_made {
            "The user was made."
        } else {
            "The user exists."
        }
    );
    Ok(())
}
