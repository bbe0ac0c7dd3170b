//! `POST /v1/incidents/{id}/notices`: records that notices of an incident were sent.

use api::prelude::*;
use domain::incident::{CONFLICTS, Incident, NoticeMeans, NoticeRecipient, incident_rule};
use domain::select_incident;
use domain::text::{Line, Text};

pub const ENDPOINT: Endpoint = Endpoint::post("/v1/incidents/{id}/notices")
    .named(env!("CARGO_PKG_NAME"))
    .summary("Records that notices of an incident were sent")
    .needs("incidents:write")
    .recorded_as(Action::Update, ResourceType::Incident)
    .conflicts(&[CONFLICTS, &[UNDECIDED, DELAYED, NOBODY]])
    .idempotent(READ);

const UNDECIDED: &str =
    "Notices are recorded while the incident has the status NOTIFYING. Decide about it first.";
const DELAYED: &str = "Law enforcement demanded that notices wait until after this day. If the demand was withdrawn, set delayed_until first.";
const NOBODY: &str =
    "The patient is not affected by the incident, or all affected patients have got a notice.";

/// Notices that were sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The recipient of the notices.
    pub recipient: NoticeRecipient,
    /// The patient who got a notice. Null for all affected patients who have none yet, and for other recipients.
    pub patient_id: Option<PatientId>,
    /// The state or jurisdiction that the media serve, as in `media_jurisdictions`. It is required for MEDIA and not
    /// accepted otherwise.
    pub jurisdiction: Option<Line<100>>,
    /// The way in which the notices were sent: WEB_PORTAL for HHS, PRESS_RELEASE for MEDIA, and one of the others for
    /// patients.
    pub means: NoticeMeans,
    /// The day on which the notices were sent, on the clinic's calendar.
    pub sent_on: Date,
    /// Further facts, such as the number of the form at HHS. It is required for SUBSTITUTE and says what the substitute
    /// was. It must not contain clinical data.
    pub note: Option<Text<1000>>,
}

impl Check for Notice {
    fn check(&self, sound: &Sound<'_>) -> Result<(), Error> {
        let is_surplus = self.patient_id.is_some() && self.recipient != NoticeRecipient::Patient;
        match is_surplus && sound.are(&["recipient", "patient_id"]) {
            true => Err(Error::invalid(
                "patient_id",
                "expected null for HHS and MEDIA",
            )),
            false => Ok(()),
        }
    }
}

const RECORD: &str = include_str!("record.sql");
const READ: &str = select_incident!("where i.id = $1 and reach('incidents:write') = 'ALL'");

/// Records the notices. The last one that is required closes the incident. Errors: no notice is allowed now, or nobody is
/// left to notify.
pub async fn handle(
    call: Call,
    Path(id): Path<IncidentId>,
    CheckedBody(notice): CheckedBody<Notice>,
) -> Reply<Json<Incident>> {
    let mut access = call.authorize(id);
    access.add_note("recipient", notice.recipient.label());
    access.add_note("means", notice.means.label());
    if let Some(patient) = notice.patient_id {
        access.add_note("patient_id", patient.to_string());
    }
    let Written {
        row: incident,
        is_changed,
    }: Written<Incident> = access
        .write_then_read(
            sql(
                RECORD,
                &[
                    &id,
                    &notice.recipient,
                    &notice.patient_id,
                    &notice.jurisdiction,
                    &notice.means,
                    &notice.sent_on,
                    &notice.note,
                ],
            ),
            sql(READ, &[&id]),
        )
        .await
        .on_constraints(incident_rule)
        .on_constraints(notice_rule)?;
    if !is_changed {
        return Err(Error::Conflict(NOBODY));
    }
    access.commit(Json(incident)).await
}

fn notice_rule(constraint: &str) -> Option<Error> {
    Some(match constraint {
        "incident_notices_decided" => Error::Conflict(UNDECIDED),
        "incident_notices_delayed" => Error::Conflict(DELAYED),
        "incident_notices_affected" => Error::Conflict(NOBODY),
        "incident_notices_in_time" => Error::invalid(
            "sent_on",
            "expected a day between the discovery of the breach and today",
        ),
        "incident_notices_means" => Error::invalid(
            "means",
            "expected WEB_PORTAL for HHS, PRESS_RELEASE for MEDIA, and one of the others for PATIENT",
        ),
        "incident_notices_addressed" => Error::invalid(
            "jurisdiction",
            "expected the state or jurisdiction for MEDIA, and null for other recipients",
        ),
        "incident_notices_substitute_explained" => Error::invalid(
            "note",
            "expected what the substitute was, for example a posting on the website for 90 days",
        ),
        _ => return None,
    })
}
