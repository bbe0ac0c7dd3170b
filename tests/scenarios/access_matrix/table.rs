//! Reads the table of docs/access.md, which defines all expected results. A role without a column
//! gets the cell of a role with the same permission and reach.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::prelude::*;

/// The relation of a thing to the caller. Several may hold at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Own,
    /// Of a patient whom the caller represents.
    Represented,
    Released,
    Uploaded,
    Assigned,
    Treated,
    Referred,
    Covered,
    /// An account of a role that the caller keeps.
    Kept,
    /// From the source system that the caller imports.
    Source,
    None,
    /// The caller is only named in settings, without a ticket. No cell serves it.
    Forged,
}

use Relation::{
    Assigned, Covered, Kept, None as Nothing, Own, Referred, Released, Represented, Source,
    Treated, Uploaded,
};

/// The relations of a patient in the caller's care.
pub const CARE: [Relation; 4] = [Assigned, Treated, Referred, Covered];

/// All relations of a thing to the caller.
pub type Relations = BTreeSet<Relation>;

/// The expected result of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Served,
    /// 403: the role lacks the permission.
    Forbidden,
    /// 404, although the thing exists.
    Hidden,
    /// 409: the operation isn't allowed on the caller's own.
    Conflict,
}

/// A cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    word: String,
    /// The relations that are served. Empty if the role lacks the permission.
    pub served: Relations,
}

impl Cell {
    fn parse(word: &str) -> Self {
        let served = match word {
            "–" => Relations::new(),
            "all" => CARE
                .into_iter()
                .chain([Own, Represented, Released, Uploaded, Kept, Source, Nothing])
                .collect(),
            words => words
                .split(", ")
                .flat_map(|word| match word {
                    "own" => vec![Own],
                    "represented" => vec![Represented],
                    "released" => vec![Released],
                    "uploaded" => vec![Uploaded],
                    "care" => CARE.into(),
                    "kept" => vec![Kept],
                    "source" => vec![Source],
                    _ => panic!("docs/access.md: the legend has no word {word:?}"),
                })
                .collect(),
        };
        Self {
            word: word.to_owned(),
            served,
        }
    }

    /// Returns the result that this cell states for a thing with these relations.
    pub fn verdict(&self, relations: &Relations) -> Verdict {
        match &*self.word {
            "–" => Verdict::Forbidden,
            "kept" if relations.contains(&Own) => Verdict::Conflict,
            _ if self.served.is_disjoint(relations) => Verdict::Hidden,
            _ => Verdict::Served,
        }
    }

    /// The relations that the tests must each prove to be sufficient.
    pub fn claims(&self) -> Relations {
        match &*self.word {
            "all" => [Nothing].into(),
            _ => self.served.clone(),
        }
    }
}

/// The reach of each role for each permission.
pub type Reaches = BTreeMap<(String, String), String>;

/// The table of docs/access.md.
pub struct Table {
    cells: BTreeMap<(String, String), Cell>,
    permissions: BTreeMap<String, String>,
    roles: Vec<String>,
    reaches: Reaches,
}

impl Table {
    /// Reads docs/access.md, and the permissions of each role from the database.
    pub async fn read(world: &World) -> Self {
        let text =
            fs::read_to_string(local_cloud::workspace::root().join("docs/access.md")).unwrap();
        let mut lines = text
            .lines()
            .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
        let head = lines
            .find(|cells| cells.get(1) == Some(&"function"))
            .expect("docs/access.md contains the table");
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

    /// Returns the functions that have a row.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.permissions.keys().map(String::as_str)
    }

    /// Whether the function has a row.
    pub fn has(&self, function: &str) -> bool {
        self.permissions.contains_key(function)
    }

    /// Returns the permission that a function requires, or none if it serves anyone.
    pub fn permission(&self, function: &str) -> Option<&str> {
        let permission = self.permissions.get(function)?;
        (permission != "none").then_some(permission)
    }

    /// Returns the role's reach for the permission.
    pub fn reach(&self, role: &str, permission: &str) -> Option<&str> {
        let held = (role.to_owned(), permission.to_owned());
        self.reaches.get(&held).map(String::as_str)
    }

    /// Returns the cell of a function and a role.
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
            panic!("no role of docs/access.md has {permission} with reach {reach}, unlike {role}")
        });
        self.cell(function, like)
    }

    /// Returns the roles that have the same reach but different cells.
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
