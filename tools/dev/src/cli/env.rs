//! `cargo dev env`
#![expect(clippy::print_stdout, reason = "the command prints variables")]

use anyhow::{Result, bail};

use super::Place;

/// What only `seal-audit` reads. Its value has spaces, at which `export $(cargo dev env)` would break off.
const LEFT_OUT: &str = "PUBLIC_ROUTES";

/// Prints the variables of the running cloud's functions, one a line.
pub fn run(place: &Place) -> Result<()> {
    for (name, value) in place.running()?.environment {
        if name != LEFT_OUT {
            println!("{name}={}", quoted(&name, &value)?);
        }
    }
    Ok(())
}

/// The value as a shell and `cargo lambda --env-file` read it. Most values need no quotes, so that
/// `export $(cargo dev env)` takes them, too.
fn quoted(name: &str, value: &str) -> Result<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if value.chars().all(is_plain) {
        return Ok(value.to_owned());
    }
    if value.contains(['\'', '\n', '\r']) {
        bail!(
            "the value of {name} contains a single quote or a line break, which the two forms quote differently"
        );
    }
    Ok(format!("'{value}'"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn only_a_value_that_needs_quotes_has_them() {
        let url = "postgres://caretrail_local:pw-_1@127.0.0.1:5432/caretrail";
        assert_eq!(quoted("A", url).unwrap(), url);
        let url = "postgres://db.example.org/caretrail?sslmode=require&a=$b";
        assert_eq!(quoted("A", url).unwrap(), format!("'{url}'"));
        assert!(quoted("A", "it's").is_err() && quoted("A", "a\nb").is_err());
    }
}
