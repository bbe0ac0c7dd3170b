//! The one oracle: the table of docs/access.md. A role that it has no column for gets the cell of a
//! role whose permission reaches as far.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::prelude::*;

/// How a thing is related to who asks for it. It may be so in several ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Own,
    Released,
    Uploaded,
    Assigned,
    Treated,
    None,
}

use Relation::{Assigned, None as Nothing, Own, Released, Treated, Uploaded};

/// All the ways in which a thing is related.
pub type Relations = BTreeSet<Relation>;

/// What somebody gets who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Served,
    /// 403: the permission is missing.
    Forbidden,
    /// 404, though it is there.
    Hidden,
    /// 409: not with what is one's own.
    Conflict,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    word: String,
    /// Empty where the permission is missing.
    pub served: Relations,
}

impl Cell {
    fn parse(word: &str) -> Self {
        let every = [Own, Released, Uploaded, Assigned, Treated, Nothing];
        let served = match word {
            "–" => Relations::new(),
            "all" => every.into(),
            "others" => [Assigned, Treated, Nothing].into(),
            words => words
                .split(", ")
                .map(|word| match word {
                    "own" => Own,
                    "released" => Released,
                    "uploaded" => Uploaded,
                    "assigned" => Assigned,
                    "treated" => Treated,
                    _ => panic!("docs/access.md: {word:?} is no word of the legend"),
                })
                .collect(),
        };
        Self {
            word: word.to_owned(),
            served,
        }
    }

    /// What this cell says of a thing so related.
    pub fn verdict(&self, relations: &Relations) -> Verdict {
        match &*self.word {
            "–" => Verdict::Forbidden,
            "others" if relations.contains(&Own) => Verdict::Conflict,
            _ if self.served.is_disjoint(relations) => Verdict::Hidden,
            _ => Verdict::Served,
        }
    }

    /// The relations that must each be seen to be enough.
    pub fn claims(&self) -> Relations {
        match &*self.word {
            "all" | "others" => [Nothing].into(),
            _ => self.served.clone(),
        }
    }
}

/// How far each role holds each permission.
pub type Reaches = BTreeMap<(String, String), String>;

/// The table.
pub struct Table {
    cells: BTreeMap<(String, String), Cell>,
    permissions: BTreeMap<String, String>,
    roles: Vec<String>,
    reaches: Reaches,
}

impl Table {
    /// Reads docs/access.md, and from the database what each role holds.
    pub async fn read(world: &World) -> Self {
        let text =
            fs::read_to_string(local_cloud::workspace::root().join("docs/access.md")).unwrap();
        let mut lines = text
            .lines()
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let head = lines
            .find(|cells| cells.get(1) == Some(&"function"))
            .expect("docs/access.md has the table");
        let roles: Vec<_> = head[4..head.len() - 1]
            .iter()
            .map(|role| (*role).to_owned())
            .collect();
        let mut table = Self {
            cells: BTreeMap::new(),
            permissions: BTreeMap::new(),
            roles,
            reaches: reaches(world).await,
        };
        for row in lines.skip(1).take_while(|cells| cells.len() == head.len()) {
            let (function, permission) = (row[1].to_owned(), row[3].trim_matches('`').to_owned());
            if permission != "none" {
                for (role, word) in table.roles.iter().zip(&row[4..]) {
                    let cell = (function.clone(), role.clone());
                    table.cells.insert(cell, Cell::parse(word));
                }
            }
            table.permissions.insert(function, permission);
        }
        table
    }

    /// The functions that it has rows for.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.permissions.keys().map(String::as_str)
    }

    /// Whether it has a row for the function.
    pub fn has(&self, function: &str) -> bool {
        self.permissions.contains_key(function)
    }

    /// What a function asks for; none where anyone may.
    pub fn permission(&self, function: &str) -> Option<&str> {
        let permission = self.permissions.get(function)?;
        (permission != "none").then_some(permission)
    }

    /// How far the role holds the permission.
    pub fn reach(&self, role: &str, permission: &str) -> Option<&str> {
        let held = (role.to_owned(), permission.to_owned());
        self.reaches.get(&held).map(String::as_str)
    }

    /// The cell of a function and a role.
    pub fn cell(&self, function: &str, role: &str) -> Cell {
        if let Some(cell) = self.cells.get(&(function.to_owned(), role.to_owned())) {
            return cell.clone();
        }
        let permission = self.permission(function).expect("a row of docs/access.md");
        let Some(reach) = self.reach(role, permission) else {
            return Cell::parse("–");
        };
        let like = self
            .roles
            .iter()
            .find(|role| self.reach(role, permission) == Some(reach));
        let like = like.unwrap_or_else(|| {
            panic!("no role of docs/access.md holds {permission} over {reach}, as {role} does")
        });
        self.cell(function, like)
    }

    /// Where roles differ in more than what they hold.
    pub fn differences(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for function in self.functions() {
            let Some(permission) = self.permission(function) else {
                continue;
            };
            let mut words = BTreeMap::new();
            for role in &self.roles {
                let word = self.cell(function, role).word;
                let first = words
                    .entry(self.reach(role, permission))
                    .or_insert_with(|| word.clone());
                if word != *first {
                    problems.push(format!("{function}: {role} has {word:?} for {first:?}"));
                }
            }
        }
        problems
    }
}

async fn reaches(world: &World) -> Reaches {
    let held = world
        .sql(
            "select role, permission, reach::text from role_permissions",
            &[],
        )
        .await;
    held.iter()
        .map(|row| ((row.get(0), row.get(1)), row.get(2)))
        .collect()
}
