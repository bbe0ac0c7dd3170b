//! The steps of the story.

use std::fmt;

use uuid::Uuid;

/// The whole story.
#[derive(Debug)]
pub struct Report {
    /// All steps.
    pub steps: Vec<Step>,
    /// The id of the patient whom the story is about.
    pub patient_id: Uuid,
    /// The ids of their files.
    pub files: Vec<Uuid>,
}

/// One step. It holds roles and ids, but no patient data.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number, from 1.
    pub number: usize,
    /// The role of the person who acts.
    pub who: &'static str,
    /// What the person does.
    pub what: String,
    /// The HTTP status, if the step is one request.
    pub status: Option<u16>,
    /// The id of the resource it is about.
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

/// Numbers the steps and reports each as it happens.
pub struct Narrator<'a> {
    steps: Vec<Step>,
    listen: &'a mut (dyn FnMut(&Step) + Send),
}

impl<'a> Narrator<'a> {
    /// Reports each step to `listen`.
    pub fn new(listen: &'a mut (dyn FnMut(&Step) + Send)) -> Self {
        Self {
            steps: Vec::new(),
            listen,
        }
    }

    /// Adds and reports a step.
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

    /// The number of the last step.
    pub fn last(&self) -> usize {
        self.steps.len()
    }

    /// The role of the last step.
    pub fn role(&self) -> &'static str {
        self.steps.last().map_or("", |step| step.who)
    }

    /// All steps.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}
