//! The story's steps, as they are told.

use std::fmt;

use uuid::Uuid;

/// What happened.
#[derive(Debug)]
pub struct Report {
    /// All steps.
    pub steps: Vec<Step>,
    /// The patient whom the story is about.
    pub patient_id: Uuid,
    /// Her files.
    pub files: Vec<Uuid>,
}

/// One step. Tells roles, ids and what was done; nothing about a patient.
#[derive(Debug, Clone)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// In which role.
    pub who: &'static str,
    /// Did what.
    pub what: String,
    /// The HTTP status, of a step that is one request.
    pub status: Option<u16>,
    /// What it was about.
    pub id: Option<Uuid>,
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            who,
            what,
            status,
            id,
        } = self;
        let status = status.map_or_else(String::new, |status| status.to_string());
        write!(out, "{number:>3}. {who:<18} {what:<66} {status:>3}")?;
        id.map_or(Ok(()), |id| write!(out, "  {id}"))
    }
}

/// Numbers the steps and tells each as it happens.
pub struct Narrator<'a> {
    steps: Vec<Step>,
    listen: &'a mut (dyn FnMut(&Step) + Send),
}

impl<'a> Narrator<'a> {
    /// Tells to `listen`.
    pub fn new(listen: &'a mut (dyn FnMut(&Step) + Send)) -> Self {
        Self {
            steps: Vec::new(),
            listen,
        }
    }

    /// The next step.
    pub fn step(
        &mut self,
        who: &'static str,
        what: impl Into<String>,
        status: Option<u16>,
        id: Option<Uuid>,
    ) {
        let step = Step {
            number: self.steps.len() + 1,
            who,
            what: what.into(),
            status,
            id,
        };
        (self.listen)(&step);
        self.steps.push(step);
    }

    /// Number of the last step.
    pub fn last(&self) -> usize {
        self.steps.len()
    }

    /// In which role the last step was.
    pub fn role(&self) -> &'static str {
        self.steps.last().map_or("", |step| step.who)
    }

    /// All steps.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
