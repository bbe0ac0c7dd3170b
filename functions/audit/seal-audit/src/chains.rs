//! Which rows of a chain can be sealed.
//!
//! A row is sealed if it has the hash that it holds, is signed with the chain's key, follows the sealed row before it,
//! and belongs to the function and the month of its chain. One signature covers all rows before it, because each hash
//! covers the one before. All other rows go to quarantine.
//!
//! A row with another hash or without a valid signature says nothing about its chain: anybody with the rights of the
//! database's owner can insert one. If a row is missing, or the environment itself signed a row that doesn't follow, the
//! chain is broken, and nothing after it is sealed.

use audit::{Sealable, is_signed};
use chrono::{Datelike as _, NaiveDate};
use domain::time::Date;
use transparency_log::Malformed;
use transparency_log::leaf::{Month, Quarantine, QuarantinedRow, Reason, Row};
use uuid::Uuid;

/// A chain and its last sealed row.
#[derive(Clone, Debug)]
pub struct Chain {
    pub chain_id: Uuid,
    pub public_key: [u8; 32],
    /// The name of its function.
    pub function: String,
    /// None until a row is sealed.
    pub month: Option<Date>,
    /// The position of the last sealed row, or 0.
    pub seq: i64,
    /// Its hash, or zeros.
    pub hash: [u8; 32],
    pub is_broken: bool,
}

/// What became of the rows of a chain.
#[derive(Debug, Default)]
pub struct Checked {
    pub rows: Vec<Row>,
    pub quarantined: Vec<Quarantine>,
    /// Whether rows are left until the row before them can be read.
    pub waits: bool,
}

/// Whether a quarantined row breaks its chain: it is the environment's own, or is missing.
pub fn breaks(reason: Reason) -> bool {
    match reason {
        Reason::BrokenLink | Reason::MissingRow | Reason::ForeignRow => true,
        Reason::WrongHash | Reason::NoOpenLine | Reason::InvalidSignature | Reason::TakenPlace => {
            false
        }
    }
}

/// The leaf of a row that is put in quarantine. Errors: its month has no year of four digits.
pub fn quarantined(row: &Sealable, reason: Reason) -> Result<Quarantine, Malformed> {
    Ok(Quarantine {
        reason,
        month: month(row.month)?,
        chain_id: row.chain_id,
        seq: row.seq,
        row: Some(QuarantinedRow {
            id: row.id,
            row_hash: row.row_hash,
            signature: row.signature,
        }),
    })
}

/// The month of a leaf.
pub fn month(first_day: Date) -> Result<Month, Malformed> {
    let date = NaiveDate::from(first_day);
    let year = u16::try_from(date.year()).map_err(|_| Malformed("the year of a row"))?;
    Month::new(year, date.month() as u8)
}

impl Chain {
    /// Checks rows of this chain, in any order, and makes the last that can be sealed its head. `comes` says whether
    /// the row after the head exists but can't be read yet. Errors: a month has no year of four digits.
    pub fn check(&mut self, mut rows: Vec<Sealable>, comes: bool) -> Result<Checked, Malformed> {
        // Of several rows at one position the oldest comes first.
        rows.sort_by_key(|row| (row.seq, row.xid, row.id));
        let mut checked = Checked::default();
        if !self.is_broken && self.seal_prefix(&rows, &mut checked)? {
            return Ok(checked);
        }
        let mut groups = rows.chunk_by(|one, other| one.seq == other.seq).peekable();
        while let Some(group) = groups.next() {
            let (signed, forged): (Vec<_>, Vec<_>) =
                group.iter().partition(|row| self.has_signed(row));
            for row in forged {
                let reason = match row.is_intact {
                    true => Reason::InvalidSignature,
                    false => Reason::WrongHash,
                };
                checked.quarantine(row, reason)?;
            }
            let Some(first) = signed.first() else {
                continue;
            };
            if first.seq <= self.seq {
                for row in signed {
                    checked.quarantine(row, Reason::TakenPlace)?;
                }
                continue;
            }
            if !self.is_broken && first.seq > self.seq + 1 {
                if comes {
                    checked.waits = true;
                    return Ok(checked);
                }
                checked.quarantined.push(Quarantine {
                    reason: Reason::MissingRow,
                    month: month(self.month.unwrap_or(first.month))?,
                    chain_id: self.chain_id,
                    seq: self.seq + 1,
                    row: None,
                });
                self.is_broken = true;
            }
            let next = groups.peek().and_then(|group| group.first());
            let chosen = self.choose(&signed, next);
            for row in signed {
                match chosen {
                    Some(chosen) if std::ptr::eq(chosen, row) => checked.seal(self, row)?,
                    Some(_) => checked.quarantine(row, Reason::TakenPlace)?,
                    None => {
                        let reason = self.fault(row).unwrap_or(Reason::BrokenLink);
                        checked.quarantine(row, reason)?;
                        self.is_broken = true;
                    }
                }
            }
        }
        Ok(checked)
    }

    /// Seals all rows if they simply continue the chain. Then one signature is enough.
    fn seal_prefix(&mut self, rows: &[Sealable], checked: &mut Checked) -> Result<bool, Malformed> {
        let mut head = self.clone();
        for row in rows {
            if !row.is_intact || head.fault(row).is_some() || row.seq != head.seq + 1 {
                return Ok(false);
            }
            head.advance(row);
        }
        if !rows.last().is_some_and(|last| self.has_signed(last)) {
            return Ok(false);
        }
        for row in rows {
            // A row without signature has no leaf.
            if row.signature.is_none() {
                checked.rows.clear();
                return Ok(false);
            }
            checked.rows.push(sealed(row)?);
        }
        *self = head;
        Ok(true)
    }

    /// The row that takes the next place: the one that the next row follows, or the oldest.
    fn choose<'a>(&self, signed: &[&'a Sealable], next: Option<&Sealable>) -> Option<&'a Sealable> {
        let fit = signed.iter().filter(|row| self.fault(row).is_none());
        let fit: Vec<_> = fit.copied().collect();
        let followed = fit
            .iter()
            .find(|row| next.is_some_and(|next| next.prev_hash == row.row_hash));
        followed.or(fit.first()).copied()
    }

    /// Why a row of the environment can't be sealed after the head, apart from its position.
    fn fault(&self, row: &Sealable) -> Option<Reason> {
        let is_foreign = row.application != self.function
            || row.month != row.month_of_time
            || self.month.is_some_and(|month| month != row.month);
        match row {
            _ if self.is_broken => Some(Reason::BrokenLink),
            _ if is_foreign => Some(Reason::ForeignRow),
            row if row.prev_hash != self.hash => Some(Reason::BrokenLink),
            _ => None,
        }
    }

    /// Whether the environment wrote the row as it is.
    fn has_signed(&self, row: &Sealable) -> bool {
        let signature = row.signature.filter(|_| row.is_intact);
        signature.is_some_and(|signature| is_signed(&self.public_key, &row.row_hash, &signature))
    }

    fn advance(&mut self, row: &Sealable) {
        self.month = Some(row.month);
        self.seq = row.seq;
        self.hash = row.row_hash;
    }
}

impl Checked {
    fn seal(&mut self, chain: &mut Chain, row: &Sealable) -> Result<(), Malformed> {
        self.rows.push(sealed(row)?);
        chain.advance(row);
        Ok(())
    }

    fn quarantine(&mut self, row: &Sealable, reason: Reason) -> Result<(), Malformed> {
        self.quarantined.push(quarantined(row, reason)?);
        Ok(())
    }
}

fn sealed(row: &Sealable) -> Result<Row, Malformed> {
    Ok(Row {
        month: month(row.month)?,
        chain_id: row.chain_id,
        seq: row.seq,
        row_hash: row.row_hash,
        signature: row.signature.ok_or(Malformed("a row without signature"))?,
    })
}

#[cfg(test)]
#[path = "chains/tests.rs"]
mod tests;
