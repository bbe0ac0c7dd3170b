//! The people of the simulated clinic. All names are made of syllables, so nobody is meant.

use std::collections::BTreeMap;

use fastrand::Rng;
use uuid::Uuid;

use crate::clock::{DAY, Millis};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    Provider,
    Nurse,
    Lab,
    Desk,
    Billing,
    Administrator,
    Officer,
    /// A person who no longer works here.
    Former,
}

impl Work {
    pub fn role(self) -> &'static str {
        match self {
            Self::Provider => "PROVIDER",
            Self::Nurse | Self::Lab => "NURSE",
            Self::Desk | Self::Billing | Self::Former => "FRONT_DESK",
            Self::Administrator => "ADMIN",
            Self::Officer => "COMPLIANCE_OFFICER",
        }
    }

    /// Whether the person reaches all patients' registration, and no clinical content.
    pub fn is_office(self) -> bool {
        !matches!(self, Self::Provider | Self::Nurse | Self::Lab)
    }
}

#[derive(Clone)]
pub struct Person {
    pub user: Uuid,
    pub first: String,
    pub last: String,
    pub street: u32,
    pub house: u32,
}

pub struct Staff {
    pub person: Person,
    pub work: Work,
    pub team: usize,
    /// The provider's id. Nil for others.
    pub provider: Uuid,
    /// Their own chart.
    pub chart: usize,
    /// Patients of the same family name, at the same address or elsewhere.
    pub family: Vec<usize>,
    /// Patients of another name at the same address.
    pub household: Vec<usize>,
    /// A neighbour and relatives with another name and address.
    pub others: Vec<usize>,
}

pub struct Patient {
    pub id: Uuid,
    pub person: Person,
    pub born: String,
    pub team: usize,
    /// The numbers of the assigned provider, if there is one, and of the nurse of the team.
    pub provider: Option<usize>,
    pub nurse: usize,
    pub registered: Millis,
    /// The account of a parent.
    pub parent: Option<Uuid>,
    pub has_portal: bool,
}

pub struct Clinic {
    pub staff: Vec<Staff>,
    pub patients: Vec<Patient>,
    /// The patients of each family name.
    pub named: BTreeMap<String, Vec<usize>>,
}

/// How large the clinic is.
#[derive(Clone, Copy)]
pub struct Size {
    pub teams: usize,
    /// For each provider. A team has three.
    pub patients: usize,
    pub former: usize,
}

const PROVIDERS: usize = 3;

impl Clinic {
    /// Makes the people. New patients are registered between `start` and `end`, the others before.
    pub fn new(rng: &mut Rng, size: Size, start: Millis, end: Millis) -> Self {
        let mut clinic = Self {
            staff: Vec::new(),
            patients: Vec::new(),
            named: BTreeMap::new(),
        };
        for team in 0..size.teams {
            for (work, number) in [
                (Work::Provider, PROVIDERS),
                (Work::Nurse, PROVIDERS),
                (Work::Desk, 2),
            ] {
                for _ in 0..number {
                    clinic.hire(rng, work, team);
                }
            }
        }
        let shared = size.teams.div_ceil(2);
        for (work, number) in [
            (Work::Lab, shared),
            (Work::Billing, shared),
            (Work::Administrator, shared),
            (Work::Officer, 3),
            (Work::Former, size.former),
        ] {
            for number in 0..number {
                clinic.hire(rng, work, number % size.teams);
            }
        }
        clinic.fill(rng, size, start, end);
        for (number, patient) in clinic.patients.iter().enumerate() {
            let same = clinic.named.entry(patient.person.last.clone());
            same.or_default().push(number);
        }
        clinic
    }

    pub fn working(&self, work: Work) -> Vec<usize> {
        let all = self.staff.iter().enumerate();
        all.filter(|(_, staff)| staff.work == work)
            .map(|(number, _)| number)
            .collect()
    }

    pub fn of_team(&self, work: Work, team: usize) -> Vec<usize> {
        let mut members = self.working(work);
        members.retain(|number| self.staff[*number].team == team);
        members
    }

    fn hire(&mut self, rng: &mut Rng, work: Work, team: usize) {
        self.staff.push(Staff {
            person: person(rng),
            work,
            team,
            provider: match work {
                Work::Provider => id(rng),
                _ => Uuid::nil(),
            },
            chart: 0,
            family: Vec::new(),
            household: Vec::new(),
            others: Vec::new(),
        });
    }

    /// Registers everybody's own chart, family and neighbours, and then the other patients in households.
    fn fill(&mut self, rng: &mut Rng, size: Size, start: Millis, end: Millis) {
        for number in 0..self.staff.len() {
            let own = self.staff[number].person.clone();
            let mut chart = person(rng);
            (chart.first, chart.last) = (own.first.clone(), own.last.clone());
            (chart.street, chart.house) = (own.street, own.house);
            self.staff[number].chart = self.register(rng, chart, size, start - 400 * DAY);
            for lives_there in [true, false, false] {
                let mut relative = person(rng);
                relative.last = own.last.clone();
                if lives_there {
                    (relative.street, relative.house) = (own.street, own.house);
                }
                let relative = self.register(rng, relative, size, start - 400 * DAY);
                self.staff[number].family.push(relative);
            }
            for lives_there in [true, true, false, false, false] {
                let mut other = person(rng);
                if lives_there {
                    (other.street, other.house) = (own.street, own.house);
                } else if self.staff[number].others.is_empty() {
                    (other.street, other.house) = (own.street, own.house + 2);
                }
                let other = self.register(rng, other, size, start - 400 * DAY);
                let places = &mut self.staff[number];
                if lives_there {
                    places.household.push(other);
                } else {
                    places.others.push(other);
                }
            }
        }
        while self.patients.len() < size.teams * PROVIDERS * size.patients {
            let first = person(rng);
            let registered = match rng.u32(0..20) {
                0 => rng.i64(start..end),
                _ => start - rng.i64(0..3000 * DAY),
            };
            let parent = self.register(rng, first.clone(), size, registered);
            let parent = self.patients[parent].person.user;
            for member in 1..rng.usize(1..5) {
                let mut other = person(rng);
                (other.street, other.house) = (first.street, first.house);
                if rng.u32(0..10) > 0 {
                    other.last = first.last.clone();
                }
                let other = self.register(rng, other, size, registered);
                if member > 1 {
                    self.patients[other].parent = Some(parent);
                }
            }
        }
    }

    fn register(&mut self, rng: &mut Rng, person: Person, size: Size, registered: Millis) -> usize {
        let team = rng.usize(0..size.teams);
        let providers = self.of_team(Work::Provider, team);
        let nurses = self.of_team(Work::Nurse, team);
        self.patients.push(Patient {
            id: id(rng),
            person,
            born: format!(
                "{}-{:02}-{:02}",
                rng.u32(1930..2020),
                rng.u32(1..13),
                rng.u32(1..29)
            ),
            team,
            provider: (rng.u32(0..100) < 85).then(|| providers[rng.usize(0..providers.len())]),
            nurse: nurses[rng.usize(0..nurses.len())],
            registered,
            parent: None,
            has_portal: rng.u32(0..10) < 4,
        });
        self.patients.len() - 1
    }
}

/// A random id (UUIDv4).
pub fn id(rng: &mut Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid()
}

/// Family names are as unequal as real ones: the most common has about one person in fifty.
fn person(rng: &mut Rng) -> Person {
    const BEGIN: [&str; 17] = [
        "Bar", "Cor", "Den", "El", "Fen", "Gor", "Hal", "Ing", "Jar", "Kel", "Lan", "Mor", "Nor",
        "Ost", "Pel", "Quin", "Ros",
    ];
    const MIDDLE: [&str; 12] = [
        "a", "ber", "de", "fel", "go", "hol", "ker", "li", "man", "ner", "o", "ster",
    ];
    const END: [&str; 12] = [
        "by", "dale", "ford", "gate", "ham", "land", "ley", "more", "son", "stad", "wood", "worth",
    ];
    const GIVEN: [&str; 10] = ["An", "Be", "Cy", "Do", "El", "Fi", "Ga", "Ho", "Is", "Jo"];
    const GIVEN_END: [&str; 20] = [
        "la", "lan", "lar", "las", "mo", "mon", "mor", "mos", "ne", "nen", "ner", "nes", "ri",
        "rin", "rir", "ris", "su", "sun", "sur", "sus",
    ];
    let unequal = |rng: &mut Rng, of: usize| (of as f64 * rng.f64().powi(2)) as usize;
    let family = unequal(rng, BEGIN.len() * MIDDLE.len() * END.len());
    let given = unequal(rng, GIVEN.len() * GIVEN_END.len());
    let [begin, middle] = [family % 17, family / 17 % 12];
    Person {
        user: id(rng),
        first: format!("{}{}", GIVEN[given % 10], GIVEN_END[given / 10]),
        last: format!("{}{}{}", BEGIN[begin], MIDDLE[middle], END[family / 204]),
        street: rng.u32(0..400),
        house: 1 + rng.u32(0..100),
    }
}
