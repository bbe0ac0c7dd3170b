//! `cargo dev token`
#![expect(clippy::print_stdout, reason = "the command prints a token")]

use crate::demo_users;
use anyhow::{Context, Result, bail};
use clap::Args;
use local_cloud::issuer::{Issuer, TokenRequest};
use uuid::Uuid;

use super::Place;

/// The user that the token is for. Their role is in their profile, not in the token.
#[derive(Debug, Args)]
pub struct Token {
    /// The demo user of this role: patient, provider, admin, compliance_officer or importer.
    #[arg(long, default_value = "patient")]
    role: String,
    /// Another user's sign-in, the token's `sub`. That of the second administrator, who approves what the first
    /// proposes, is 00000000-0000-4000-8000-000000000005.
    #[arg(long)]
    sub: Option<Uuid>,
    /// The e-mail in the token.
    #[arg(long)]
    email: Option<String>,
    /// Authenticator assurance level.
    #[arg(long, default_value = "aal2", value_parser = ["aal1", "aal2"])]
    aal: String,
    /// Seconds until it expires; negative for an expired token.
    #[arg(long, default_value_t = 3600, allow_negative_numbers = true)]
    expires_in: i64,
}

/// Prints the token and nothing else.
pub fn run(place: &Place, token: &Token) -> Result<()> {
    println!("{}", mint(place, token)?);
    Ok(())
}

/// A token for the demo user of this role.
///
/// # Errors
/// No cloud with the local issuer runs, or no demo user has the role.
pub fn of_role(place: &Place, role: &str) -> Result<String> {
    let token = Token {
        role: role.to_owned(),
        sub: None,
        email: None,
        aal: "aal2".to_owned(),
        expires_in: 3600,
    };
    mint(place, &token)
}

fn mint(place: &Place, token: &Token) -> Result<String> {
    let running = place.running()?;
    if running.supabase_url != running.url {
        bail!(
            "the cloud takes tokens of {url}, so the local issuer can't make one: sign in there, and make the user \
             here with `cargo dev make-user`",
            url = running.supabase_url
        );
    }
    let demo = demo_users::of_role(&token.role);
    let sub = token.sub.or(demo.map(|user| user.id)).with_context(|| {
        format!(
            "there is no demo user with role {}: name one with --sub",
            token.role
        )
    })?;
    let email = match (&token.email, demo) {
        (Some(email), _) => email.clone(),
        (None, Some(user)) if user.id == sub => user.email.to_owned(),
        (None, _) => format!("{sub}@example.org"),
    };
    let issuer = Issuer::open(running.url, &place.data().join("issuer.pem"))?;
    let mut request = TokenRequest::new(sub, email);
    request.aal.clone_from(&token.aal);
    request.expires_in = token.expires_in;
    issuer.mint(&request)
}
