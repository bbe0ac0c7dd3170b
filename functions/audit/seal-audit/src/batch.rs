//! Makes the leaves of a batch from what the database and the logs have.

use std::collections::HashMap;

use api::lambda::Failure;
use audit::Sealable;
use chrono::{DateTime, Utc};
use domain::time::Date;
use errors::Error;
use sql::{Connection, row};
use transparency_log::leaf::{self, Leaf, Quarantine, Reason};
use uuid::Uuid;

use crate::chains::{Chain, quarantined};
use crate::heads::heads;
use crate::open_lines::OpenLines;
use crate::snapshot::Snapshot;
use crate::statements::{execute, query};

const KEYS: &str =
    "select chain_id, public_key::bytea, function::text from audit_chains where chain_id = any($1)";

const FORGET: &str = "delete from audit_waiting_chains where chain_id = any($1)";

const REMEMBER: &str = "insert into audit_waiting_chains (month, chain_id) \
    select * from unnest($1::date[], $2::uuid[]) on conflict do nothing";

/// The leaves of a batch, and the chains that wait after it.
#[derive(Default)]
pub struct Contents {
    chains: Vec<leaf::Chain>,
    pub rows: Vec<leaf::Row>,
    pub quarantined: Vec<Quarantine>,
    moved: Vec<Chain>,
    /// Chains that wait no more.
    settled: Vec<Uuid>,
    /// Chains that wait, with their month.
    waiting: Vec<(Date, Uuid)>,
}

row! {
    pub struct Key {
        pub chain_id: Uuid,
        pub public_key: Vec<u8>,
        pub function: String,
    }
}

/// The chains that the log doesn't have yet. Errors: the database fails.
pub async fn new_chains(
    connection: &Connection,
    lines: OpenLines,
) -> Result<Vec<leaf::Chain>, Error> {
    let known: Vec<Key> = query(connection, KEYS, &[&lines.ids()]).await?;
    let known = known.into_iter();
    let known: HashMap<_, _> = known
        .map(|row| {
            let key = row.public_key.try_into().unwrap_or_default();
            (row.chain_id, (key, row.function))
        })
        .collect();
    Ok(lines.beside(&known))
}

impl Contents {
    /// Checks the rows of a snapshot. `announced` are chains that the log doesn't have yet. Rows of chains that nothing
    /// announces wait, unless they have waited since before `waited_enough`. Errors: a row names an impossible month.
    pub fn of(
        snapshot: Snapshot,
        announced: Vec<leaf::Chain>,
        waited_enough: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let mut contents = Self::default();
        let mut chains = snapshot.chains;
        for new in &announced {
            let chain = Chain {
                chain_id: new.chain_id,
                public_key: new.public_key,
                function: new.function.as_str().to_owned(),
                month: None,
                seq: 0,
                hash: [0; 32],
                is_broken: false,
            };
            chains.insert(new.chain_id, chain);
        }
        contents.chains = announced;
        for (chain_id, rows) in snapshot.rows {
            let Some(first) = rows.first().map(|row| row.month) else {
                contents.settled.push(chain_id);
                continue;
            };
            let waiting = snapshot.waiting.get(&chain_id);
            let Some(mut chain) = chains.remove(&chain_id) else {
                match waiting.is_some_and(|waiting| waiting.since < waited_enough) {
                    true => contents.give_up(chain_id, &rows)?,
                    false => contents.wait(&rows),
                }
                continue;
            };
            let checked = chain.check(rows, snapshot.coming.contains(&chain_id))?;
            match (checked.waits, waiting) {
                (true, _) => contents
                    .waiting
                    .push((chain.month.unwrap_or(first), chain_id)),
                (false, Some(_)) => contents.settled.push(chain_id),
                (false, None) => {}
            }
            contents.rows.extend(checked.rows);
            contents.quarantined.extend(checked.quarantined);
            contents.moved.push(chain);
        }
        contents.quarantined.iter().for_each(report);
        Ok(contents)
    }

    fn wait(&mut self, rows: &[Sealable]) {
        let mut places: Vec<_> = rows.iter().map(|row| (row.month, row.chain_id)).collect();
        places.sort_unstable();
        places.dedup();
        self.waiting.extend(places);
    }

    fn give_up(&mut self, chain_id: Uuid, rows: &[Sealable]) -> Result<(), Failure> {
        for row in rows {
            self.quarantined.push(quarantined(row, Reason::NoOpenLine)?);
        }
        self.settled.push(chain_id);
        Ok(())
    }

    /// Whether the batch would say nothing new.
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.rows.is_empty() && self.quarantined.is_empty()
    }

    /// The leaves, the heads last. Errors: the database fails.
    pub async fn leaves(
        &self,
        connection: &Connection,
        others: impl Iterator<Item = Leaf>,
    ) -> Result<Vec<Leaf>, Error> {
        let heads = heads(connection, self.moved.iter()).await?;
        let mut leaves = Vec::with_capacity(self.rows.len() + 100);
        leaves.extend(self.chains.iter().cloned().map(Leaf::Chain));
        leaves.extend(self.rows.iter().cloned().map(Leaf::Row));
        leaves.extend(self.quarantined.iter().copied().map(Leaf::Quarantine));
        leaves.extend(others);
        leaves.push(Leaf::Heads(heads));
        Ok(leaves)
    }

    /// Writes down which chains wait, in the transaction that takes the batch over. Errors: the database fails.
    pub async fn remember_waiting(&self, connection: &Connection) -> Result<(), Error> {
        execute(connection, FORGET, &[&self.settled]).await?;
        let months: Vec<Date> = self.waiting.iter().map(|(month, _)| *month).collect();
        let months: Vec<chrono::NaiveDate> = months.into_iter().map(Into::into).collect();
        let ids: Vec<_> = self.waiting.iter().map(|(_, id)| *id).collect();
        execute(connection, REMEMBER, &[&months, &ids]).await?;
        Ok(())
    }
}

/// Logs what an alarm tells of.
fn report(place: &Quarantine) {
    let reason: &str = place.reason.into();
    tracing::error!(
        reason,
        chain_id = %place.chain_id,
        seq = place.seq,
        row_id = place.row.map(|row| row.id.to_string()),
        "an audit row is in quarantine"
    );
}
