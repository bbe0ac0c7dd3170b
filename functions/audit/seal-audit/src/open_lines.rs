//! The open lines of the functions: which key signs the rows of a chain.

use std::collections::{HashMap, HashSet};

use api::lambda::Failure;
use aws::{Event, LogGroup};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use transparency_log::leaf::{Chain, Label};
use uuid::Uuid;

const PATTERN: &str = r#"{ $.message = "audit chain opened" }"#;

/// An open line, as `audit::lines` describes it.
#[derive(Deserialize)]
struct Line {
    message: String,
    chain_id: Uuid,
    public_key: String,
    function: String,
    version: String,
}

/// The chains that open lines announce, each with one key and one function.
#[derive(Clone, Default)]
pub struct OpenLines {
    chains: HashMap<Uuid, Chain>,
    /// Chains with several keys or functions.
    disputed: HashSet<Uuid>,
}

impl OpenLines {
    /// Reads the lines of this time. Errors: the log can't be searched.
    pub async fn read(
        functions: &LogGroup,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let mut lines = Self::default();
        functions
            .search(PATTERN, start, end, |event| {
                chain(&event).into_iter().for_each(|chain| lines.add(chain))
            })
            .await?;
        Ok(lines)
    }

    fn add(&mut self, chain: Chain) {
        match self.chains.get(&chain.chain_id) {
            Some(known) if !is_same(known, &chain.public_key, chain.function.as_str()) => {
                self.disputed.insert(chain.chain_id);
            }
            Some(_) => {}
            None => {
                self.chains.insert(chain.chain_id, chain);
            }
        }
    }

    /// Takes over what `known` says of the chains: a chain whose key is sealed keeps it. Returns the chains that are
    /// new.
    pub fn beside(mut self, known: &HashMap<Uuid, ([u8; 32], String)>) -> Vec<Chain> {
        for (chain_id, (key, function)) in known {
            let announced = self.chains.get(chain_id);
            if announced.is_some_and(|chain| !is_same(chain, key, function)) {
                self.disputed.insert(*chain_id);
            }
        }
        for chain_id in &self.disputed {
            tracing::error!(%chain_id, "an audit chain was announced with several keys");
            self.chains.remove(chain_id);
        }
        self.chains
            .retain(|chain_id, _| !known.contains_key(chain_id));
        let mut chains: Vec<_> = self.chains.into_values().collect();
        chains.sort_by_key(|chain| (chain.opened_at, chain.chain_id));
        chains
    }

    /// The ids of all chains that are announced.
    pub fn ids(&self) -> Vec<Uuid> {
        self.chains.keys().copied().collect()
    }

    /// Adds the chains of a later search.
    pub fn extend(&mut self, later: Self) {
        self.disputed.extend(later.disputed);
        later.chains.into_values().for_each(|chain| self.add(chain));
    }
}

fn is_same(chain: &Chain, public_key: &[u8; 32], function: &str) -> bool {
    chain.public_key == *public_key && chain.function.as_str() == function
}

/// The chain of a line. One that has another form is left out, so the rows of its chain go to quarantine.
fn chain(event: &Event) -> Option<Chain> {
    let line: Line = serde_json::from_str(&event.message).ok()?;
    if line.message != audit::lines::OPENED {
        return None;
    }
    Some(Chain {
        chain_id: line.chain_id,
        public_key: hex::decode(line.public_key).ok()?.try_into().ok()?,
        function: Label::new(line.function).ok()?,
        version: Label::new(line.version).ok()?,
        opened_at: u64::try_from(event.timestamp).ok()? * 1000,
    })
}
