//! An access in plain sentences.

use api::prelude::Action;
use audit::{PurposeOfUse, Relation};
use domain::alert::AccessExplanation;

use crate::access::FoundAccess;

/// The access in one or two sentences. They address the patient if the patient reads them.
pub fn summary(found: &FoundAccess, relation: Option<Relation>) -> String {
    let whose = match found.is_readers {
        true => "your",
        false => "the patient's",
    };
    let act = act(found.action_type, &found.resource_type).replace("{whose}", whose);
    let purpose = found.purpose_of_use.map_or("", purpose);
    let sentence = format!("{} {act}{purpose}.", actor(found, relation));
    match found.explanation.and_then(explanation) {
        // Their relation says it already.
        _ if matches!(relation, Some(Relation::Oneself | Relation::Representation)) => sentence,
        Some(reason) => format!("{sentence} {}", reason.replace("{whose}", whose)),
        None => sentence,
    }
}

fn actor(found: &FoundAccess, relation: Option<Relation>) -> String {
    let role = in_words(&found.actor_role);
    match (relation, &found.user_name) {
        (Some(Relation::Oneself), _) if found.is_readers => "You".to_owned(),
        (Some(Relation::Oneself), _) => "The patient".to_owned(),
        (Some(Relation::Representation), Some(name)) if found.is_readers => {
            format!("{name}, who represents you,")
        }
        (Some(Relation::Representation), Some(name)) => {
            format!("{name}, who represents the patient,")
        }
        (_, Some(name)) => format!("{name} ({role})"),
        (None, None) => "The clinic's own software".to_owned(),
        (Some(_), None) => format!("Somebody with the role \"{role}\""),
    }
}

/// `FRONT_DESK` as `front desk`.
fn in_words(role: &str) -> String {
    role.to_lowercase().replace('_', " ")
}

/// The action with its object.
fn act(action: Action, resource_type: &str) -> String {
    let (one, several) = match resource_type {
        "USER" => ("{whose} account", "a list of accounts with {whose} account"),
        "PATIENT" => (
            "the overview of {whose} chart",
            "a list of patients with {whose} name",
        ),
        "APPOINTMENT" => ("a visit of {whose} calendar", "a list with {whose} visits"),
        "MEDICAL_RECORD" => (
            "a medical record in {whose} chart",
            "a list with medical records of {whose} chart",
        ),
        "FILE" => (
            "a file of {whose} chart",
            "a list with files of {whose} chart",
        ),
        "EMERGENCY_ACCESS" => (
            "an emergency access to {whose} chart",
            "emergency accesses to {whose} chart, or looked for it in an emergency",
        ),
        "DISCLOSURE" => (
            "a request for an accounting of disclosures of {whose} data",
            "the requests for an accounting of disclosures of {whose} data",
        ),
        "AUDIT_LOG" => (
            "the list of who opened {whose} chart",
            "the list of who opened {whose} chart",
        ),
        _ => ("data in {whose} chart", "a list with data of {whose} chart"),
    };
    match action {
        Action::Create => format!("added {one}"),
        Action::Read => format!("read {one}"),
        Action::Update => format!("changed {one}"),
        Action::Delete => format!("removed {one}"),
        Action::Search => format!("read {several}"),
        Action::Disclose => format!("got a link to {one}"),
        Action::Process => format!("checked {one}"),
    }
}

fn purpose(purpose: PurposeOfUse) -> &'static str {
    match purpose {
        PurposeOfUse::Treat => " for treatment",
        PurposeOfUse::Btg | PurposeOfUse::Etreat => " in an emergency",
        PurposeOfUse::Hpaymt => " for payment",
        PurposeOfUse::Hoperat => " for the clinic's operations",
        PurposeOfUse::Hsysadmin => " to administer the system",
        PurposeOfUse::Hcompl => " to prove that rules are kept",
        PurposeOfUse::Hresch => " for research",
        PurposeOfUse::Patrqt | PurposeOfUse::Famrqt => "",
    }
}

fn explanation(explanation: AccessExplanation) -> Option<&'static str> {
    use AccessExplanation as Is;
    match explanation {
        Is::OwnChart | Is::Representative => None,
        Is::Assignment => Some("An assignment to {whose} care explains it."),
        Is::Visit => Some("A visit around that day explains it."),
        Is::Author => Some("They had written in {whose} chart before."),
        Is::Booking => Some("They had booked or changed {whose} visit before."),
        Is::GrantedCare => Some("A referral or cover explains it."),
        Is::Office => Some("Their work in the clinic explains it."),
        Is::Emergency => Some("Emergency access explains it."),
        Is::CareTeam => Some("They work together with {whose} care team."),
    }
}

#[cfg(test)]
mod tests {
    use api::prelude::{AuditLogId, Timestamp, UserId};

    use super::*;

    fn found(action: Action, resource_type: &str) -> FoundAccess {
        FoundAccess {
            id: AuditLogId::of_time(Timestamp::now()),
            accessed_at: Timestamp::now(),
            user_id: Some(UserId::generate()),
            user_name: Some("Vera Example".to_owned()),
            actor_role: "PROVIDER".to_owned(),
            purpose_of_use: Some(PurposeOfUse::Treat),
            action_type: action,
            resource_type: resource_type.to_owned(),
            resource_id: None,
            application: None,
            explanation: Some(AccessExplanation::Assignment),
            is_readers: true,
        }
    }

    #[test]
    fn it_says_who_did_what_for_which_purpose_and_why() {
        let read = found(Action::Read, "MEDICAL_RECORD");
        assert_eq!(
            summary(&read, Some(Relation::Care)),
            "Vera Example (provider) read a medical record in your chart for treatment. An assignment to your care explains it."
        );
    }

    #[test]
    fn it_names_the_patient_to_anybody_else_and_roles_alone_where_names_are_hidden() {
        let hidden = FoundAccess {
            user_id: None,
            user_name: None,
            actor_role: "FRONT_DESK".to_owned(),
            purpose_of_use: Some(PurposeOfUse::Hoperat),
            explanation: None,
            is_readers: false,
            ..found(Action::Search, "PATIENT")
        };
        assert_eq!(
            summary(&hidden, Some(Relation::Office)),
            "Somebody with the role \"front desk\" read a list of patients with the patient's name for the clinic's operations."
        );
    }

    #[test]
    fn it_explains_neither_the_patient_nor_a_representative() {
        let own = FoundAccess {
            purpose_of_use: Some(PurposeOfUse::Patrqt),
            explanation: Some(AccessExplanation::OwnChart),
            ..found(Action::Disclose, "FILE")
        };
        assert_eq!(
            summary(&own, Some(Relation::Oneself)),
            "You got a link to a file of your chart."
        );
        let parents = FoundAccess {
            purpose_of_use: Some(PurposeOfUse::Famrqt),
            is_readers: false,
            ..own
        };
        assert_eq!(
            summary(&parents, Some(Relation::Representation)),
            "Vera Example, who represents the patient, got a link to a file of the patient's chart."
        );
    }
}
