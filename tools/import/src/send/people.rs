//! Registers patients and practitioners, and corrects what is registered of them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{EXISTS, Known, NO_PATIENT, Sender, encoded, id, version};
use crate::compare::{is_same, patch};
use crate::plan::{Former, NewPatient, NewProvider, Origin};
use crate::tally::{Done, Fault, Result, Tally};

/// The fields of an account that an import writes.
const ACCOUNT: [&str; 6] = [
    "first_name",
    "last_name",
    "phone",
    "notification_email",
    "address",
    "preferences",
];

/// The fields of a patient that an import writes, beside the lists.
const PATIENT: [&str; 4] = ["patient_number", "date_of_birth", "gender", "deceased"];

/// The lists of a patient that an import adds to. They aren't compared as a whole, because a later bundle may have
/// other items.
const PARTS: [&str; 2] = ["allergies", "health_goals"];

impl Sender<'_> {
    /// Registers a practitioner, without verifying the licence. Returns whether the licence number was another
    /// provider's and got a suffix.
    pub async fn provider(&self, new: &NewProvider) -> Result<(Done, (Known, bool))> {
        let (done, user_id) = self.account(&new.origin, &new.user).await?;
        let known = |id| Known {
            person: new.person.clone(),
            user_id,
            id,
        };
        let mut body = new.provider.clone();
        body["user_id"] = json!(user_id);
        if done != Done::Created
            && let Some(there) = self
                .registered("providers", user_id, "the provider")
                .await?
        {
            let suffixed = apart(&new.provider, &new.person.id);
            let is_apart = there["license_number"] == suffixed["license_number"];
            let wanted = if is_apart { &suffixed } else { &new.provider };
            let patch = patch(&there, wanted, &["license_number"]);
            let path = format!("/v1/providers/{}", id(&there)?);
            let changed = self
                .correct(&path, &there, patch, "correcting the provider")
                .await?;
            return Ok((done.and(changed), (known(id(&there)?), false)));
        }
        match self.api.post(self.importer, "/v1/providers", &body).await {
            Ok(provider) => return Ok((Done::Created, (known(id(&provider)?), false))),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(self.said("creating the provider", &refusal));
            }
            Err(_) => {}
        }
        // A retried request may find that its first try succeeded.
        if let Some(there) = self
            .registered("providers", user_id, "the provider")
            .await?
        {
            return Ok((Done::Created, (known(id(&there)?), false)));
        }
        let body = apart(&body, &new.person.id);
        let provider = self.api.post(self.importer, "/v1/providers", &body).await;
        let provider = provider.map_err(|refusal| self.said("creating the provider", &refusal))?;
        Ok((Done::Created, (known(id(&provider)?), true)))
    }

    /// Registers or corrects the patient, and settles their entry and its parts. Returns them, and whether they are
    /// new.
    pub async fn patient(
        &self,
        tally: &mut Tally<'_>,
        index: usize,
        new: &NewPatient,
    ) -> Option<(Known, bool)> {
        let registered = self.registered_patient(new).await;
        let (done, user_id, there) = match registered {
            Ok(registered) => registered,
            Err(fault) => {
                tally.settle::<()>(&new.origin, Err(fault));
                for (origin, ..) in &new.parts {
                    tally.settle::<()>(origin, Err(NO_PATIENT.into()));
                }
                return None;
            }
        };
        let known = match id(&there) {
            Ok(id) => Known {
                person: new.person.clone(),
                user_id,
                id,
            },
            Err(fault) => return tally.settle(&new.origin, Err(fault)),
        };
        if done == Done::Created {
            tally.settle(&new.origin, Ok((done, ())));
            for (origin, ..) in &new.parts {
                tally.settle(origin, Ok((Done::Created, ())));
            }
            return Some((known, true));
        }

        let mut patch = patch(&there, &new.patient, &PATIENT);
        let is_corrected = !patch.is_empty();
        let mut lists = Lists::of(&there);
        let same: Vec<_> = (new.parts.iter())
            .map(|(_, field, item)| lists.keep(field, item))
            .collect();
        let parts: Vec<_> = (new.parts.iter().zip(same))
            .map(|((origin, field, item), is_same)| match is_same {
                true => (origin, Done::Unchanged),
                false => (origin, lists.add(field, item)),
            })
            .collect();
        let mut gone = Vec::new();
        let of_patient = tally.plan.withdrawn.iter();
        for former in of_patient.filter(|former| former.patient == index) {
            if let Former::Part(field, item) = &former.what
                && lists.remove(field, item)
            {
                gone.push(&former.origin);
            }
        }
        patch.extend(lists.changed());
        let path = format!("/v1/patients/{}", known.id);
        let corrected = self
            .correct(&path, &there, patch, "correcting the patient")
            .await;
        // One patch has all corrections, so they share its fate.
        let outcome = |done: Done| match (&corrected, done) {
            (_, Done::Unchanged) => Ok(Done::Unchanged),
            (Ok(Done::Conflict(reason)), _) => Ok(Done::Conflict(reason.clone())),
            (Ok(_), done) => Ok(done),
            (Err(fault), _) => Err(fault.clone()),
        };
        let of_patient = match is_corrected {
            true => outcome(Done::Updated),
            false => Ok(Done::Unchanged),
        };
        tally.settle(
            &new.origin,
            of_patient.map(|changed| (done.and(changed), ())),
        );
        for (origin, done) in parts {
            tally.settle(origin, outcome(done).map(|done| (done, ())));
        }
        for origin in gone {
            match outcome(Done::Withdrawn) {
                Ok(Done::Conflict(reason)) => {
                    tally.settle_withdrawal(origin, Fault::Conflict(reason));
                }
                Ok(done) => drop(tally.settle(origin, Ok((done, ())))),
                Err(fault) => tally.settle_withdrawal(origin, fault),
            }
        }
        Some((known, false))
    }

    /// The account and the patient, and what registering them changed. Corrects the account alone.
    async fn registered_patient(&self, new: &NewPatient) -> Result<(Done, Uuid, Value)> {
        let (done, user_id) = self.account(&new.origin, &new.user).await?;
        let registered = self.patient_of(new, done.clone(), user_id).await;
        if let Err(Fault::Failed(_)) = &registered
            && done == Done::Created
        {
            // The refused patient leaves no account behind. If that fails, the next import finds the account.
            let path = format!("/v1/users/{user_id}");
            drop(self.api.delete(self.importer, &path, 1).await);
        }
        registered
    }

    /// The patient of this account, and what registering them changed.
    async fn patient_of(
        &self,
        new: &NewPatient,
        done: Done,
        user_id: Uuid,
    ) -> Result<(Done, Uuid, Value)> {
        if done != Done::Created
            && let Some(there) = self.registered("patients", user_id, "the patient").await?
        {
            return Ok((done, user_id, there));
        }
        let mut body = new.patient.clone();
        body["user_id"] = json!(user_id);
        match self.api.post(self.importer, "/v1/patients", &body).await {
            Ok(patient) => return Ok((Done::Created, user_id, patient)),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(self.said("creating the patient", &refusal));
            }
            Err(_) => {}
        }
        // A retried request may find that its first try succeeded.
        match self.registered("patients", user_id, "the patient").await? {
            Some(there) => Ok((Done::Created, user_id, there)),
            None => Err(self.clash(new).await),
        }
    }

    /// The fault of a patient whose medical record number another patient has. Names that patient, if they came from the
    /// same source system.
    async fn clash(&self, new: &NewPatient) -> Fault {
        let wanted = json!({"patient_number": new.patient["patient_number"]});
        let found = self.api.post(self.importer, "/v1/patients/search", &wanted);
        let other = found.await.ok().and_then(|page| id(&page["items"][0]).ok());
        let other = other.map_or_else(
            || "another patient, who isn't from this source system".to_owned(),
            |other| format!("the patient {other}"),
        );
        Fault::Failed(format!("its medical record number belongs to {other}"))
    }

    /// Creates the person's account, without a sign-in, or corrects the one that is there.
    async fn account(&self, origin: &Origin, user: &Value) -> Result<(Done, Uuid)> {
        self.check()?;
        let external_id = origin.key.as_str();
        let mut body = user.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.remove("subject");
            fields.remove("username");
        }
        body["source_system"] = json!(self.source);
        body["external_id"] = json!(external_id);
        match self.api.post(self.importer, "/v1/users", &body).await {
            Ok(made) => return Ok((Done::Created, id(&made)?)),
            Err(refusal) if !refusal.is(EXISTS) => {
                return Err(self.said("creating the account", &refusal));
            }
            Err(_) => {}
        }
        let path = format!(
            "/v1/users?source_system={}&external_id={}&include_archived=true",
            encoded(self.source),
            encoded(external_id)
        );
        let page = self.api.get(self.importer, &path).await;
        let page = page.map_err(|refusal| self.said("looking for the account", &refusal))?;
        // An account that was given up stands beside the one that is used.
        let found = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        let there = found.iter().find(|account| account["is_archived"] == false);
        let there = there.or(found.last()).unwrap_or(&Value::Null);
        if there["role"] != body["role"] {
            return Err(Fault::Conflict(
                "its identifier belongs to an account with another role".into(),
            ));
        }
        let patch = patch(there, &body, &ACCOUNT);
        let path = format!("/v1/users/{}", id(there)?);
        let done = self
            .correct(&path, there, patch, "correcting the account")
            .await?;
        Ok((done, id(there)?))
    }

    /// The patient or provider of this account, if they are registered.
    async fn registered(&self, list: &str, user: Uuid, whom: &str) -> Result<Option<Value>> {
        let path = format!("/v1/{list}?user_id={user}&include_archived=true");
        let page = self.api.get(self.importer, &path).await;
        let mut page = page.map_err(|refusal| self.said(&format!("reading {whom}"), &refusal))?;
        Ok(page["items"].get_mut(0).map(Value::take))
    }

    /// Sends the patch, unless it is empty. A conflict is no error, because the resource is there.
    pub async fn correct(
        &self,
        path: &str,
        there: &Value,
        patch: Map<String, Value>,
        doing: &str,
    ) -> Result<Done> {
        if patch.is_empty() {
            return Ok(Done::Unchanged);
        }
        if there["is_archived"] == true {
            return Ok(Done::Conflict("it is archived in Caretrail".into()));
        }
        let patch = Value::Object(patch);
        match self
            .api
            .patch(self.importer, path, version(there), &patch)
            .await
        {
            Ok(_) => Ok(Done::Updated),
            Err(refusal) => match self.said(doing, &refusal) {
                Fault::Conflict(reason) => Ok(Done::Conflict(reason)),
                fault => Err(fault),
            },
        }
    }
}

/// The body with a licence number that only this person has.
fn apart(body: &Value, person: &Uuid) -> Value {
    let mut apart = body.clone();
    let license = body["license_number"].as_str().unwrap_or_default();
    let suffix = &person.simple().to_string()[..8];
    apart["license_number"] = format!("{license}-{suffix}").into();
    apart
}

/// The lists of a patient as they are and as they become.
struct Lists<'a> {
    there: &'a Value,
    wanted: HashMap<&'static str, Vec<Item>>,
}

struct Item {
    value: Value,
    /// Whether an entry of the source says it.
    is_claimed: bool,
}

impl<'a> Lists<'a> {
    fn of(there: &'a Value) -> Self {
        let wanted = PARTS.map(|field| {
            let items = there[field].as_array().into_iter().flatten();
            let items = items.map(|value| Item {
                value: value.clone(),
                is_claimed: false,
            });
            (field, items.collect())
        });
        Self {
            there,
            wanted: HashMap::from(wanted),
        }
    }

    /// The items of the field that no entry of the source says yet.
    fn free(&mut self, field: &'static str) -> impl Iterator<Item = &mut Item> {
        let items = self.wanted.entry(field).or_default();
        items.iter_mut().filter(|item| !item.is_claimed)
    }

    /// Keeps the item if it is there. Returns whether it is.
    fn keep(&mut self, field: &'static str, item: &Value) -> bool {
        let there = self.free(field).find(|there| is_same(&there.value, item));
        there.is_some_and(|there| {
            there.is_claimed = true;
            true
        })
    }

    /// Adds the item, or replaces one about the same that no other entry says.
    fn add(&mut self, field: &'static str, item: &Value) -> Done {
        let new = Item {
            value: item.clone(),
            is_claimed: true,
        };
        if let Some(there) = self.free(field).find(|it| is_about(&it.value, item)) {
            *there = new;
            return Done::Updated;
        }
        self.wanted.entry(field).or_default().push(new);
        Done::Created
    }

    /// Removes one item about the same that no entry says. Returns whether there was one.
    fn remove(&mut self, field: &'static str, item: &Value) -> bool {
        let items = self.wanted.entry(field).or_default();
        let place = items
            .iter()
            .position(|it| !it.is_claimed && is_about(&it.value, item));
        place.is_some_and(|place| {
            items.remove(place);
            true
        })
    }

    /// The lists that became others.
    fn changed(self) -> impl Iterator<Item = (String, Value)> {
        let there = self.there;
        let lists = self.wanted.into_iter().map(|(field, items)| {
            let items = items.into_iter().map(|item| item.value);
            (field.to_owned(), Value::Array(items.collect()))
        });
        lists.filter(move |(field, items)| {
            let former = &there[field];
            let is_empty = former.is_null() && items.as_array().is_some_and(Vec::is_empty);
            !is_empty && !is_same(former, items)
        })
    }
}

/// Whether two items are about the same: an allergy by its code or else its words, a goal by its description.
fn is_about(there: &Value, item: &Value) -> bool {
    let (former, new) = (&there["code"], &item["code"]);
    match (&new["code"], new) {
        (Value::Null, Value::Null) => is_same(&there["description"], &item["description"]),
        (Value::Null, _) => is_same(former, new),
        (code, _) => former["system"] == new["system"] && former["code"] == *code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: &str = "allergies";

    fn changed(there: &Value, parts: &[Value], withdrawn: &[Value]) -> Vec<(String, Value)> {
        let mut lists = Lists::of(there);
        let kept: Vec<_> = parts.iter().map(|item| lists.keep(FIELD, item)).collect();
        for (item, is_kept) in parts.iter().zip(kept) {
            if !is_kept {
                lists.add(FIELD, item);
            }
        }
        for item in withdrawn {
            lists.remove(FIELD, item);
        }
        lists.changed().collect()
    }

    #[test]
    fn an_item_is_changed_only_by_an_entry_about_the_same() {
        let of_code = |code: &str, status: &str| json!({"code": {"system": "urn:x", "code": code}, "status": status});
        let of_words = |words: &str| json!({"code": {"display": words}});
        let [a1, a2, corrected] = ["active", "resolved", "corrected"].map(|it| of_code("1", it));
        let [peanut, latex] = ["Peanut", "Latex"].map(of_words);
        let of = |items: &[&Value]| json!({FIELD: items});
        for (there, parts, withdrawn, expected) in [
            // A withdrawn duplicate doesn't remove what another entry says.
            (of(&[&a1]), vec![a1.clone()], vec![a2.clone()], None),
            (
                of(&[&a1, &a2]),
                vec![a1.clone()],
                vec![a2.clone()],
                Some(of(&[&a1])),
            ),
            // Words differ from other words.
            (
                of(&[&peanut]),
                vec![latex.clone()],
                vec![],
                Some(of(&[&peanut, &latex])),
            ),
            (
                of(&[&peanut, &latex]),
                vec![],
                vec![latex.clone()],
                Some(of(&[&peanut])),
            ),
            // Of two with one code, the one that nobody says any more is corrected.
            (
                of(&[&a2, &a1]),
                vec![corrected.clone(), a2.clone()],
                vec![],
                Some(of(&[&a2, &corrected])),
            ),
            (of(&[&a1]), vec![a1.clone()], vec![], None),
        ] {
            let changed = changed(&there, &parts, &withdrawn);
            let lists = changed.into_iter().map(|(_, items)| json!({FIELD: items}));
            assert_eq!(
                lists.collect::<Vec<_>>(),
                expected.into_iter().collect::<Vec<_>>()
            );
        }
    }
}
