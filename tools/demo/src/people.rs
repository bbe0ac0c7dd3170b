//! What administrators do after an import: they let the imported people sign in, verify a licence, and assign a
//! provider. The import alone gives nobody care.

use anyhow::{Context, Result};
use import::Known;
use serde_json::json;

use crate::teller::Teller;

impl Teller<'_> {
    /// Lets the patient and their provider sign in, and puts the patient into the provider's care.
    pub async fn settle(&mut self, patient: &Known, provider: &Known) -> Result<()> {
        for known in [patient, provider] {
            self.link(known).await?;
        }
        let api = &self.story.api;
        let admin = &self.story.admins.first;
        let path = format!("/v1/providers/{}", provider.id);
        let there = api.get(admin, &path).await.context("the provider")?;
        if there["is_verified"] == false {
            let version = there["version"].as_i64().unwrap_or_default();
            let path = format!("{path}/verify");
            let verified = api.post_version(admin, &path, version, &json!({})).await;
            verified.context("the licence")?;
        }
        let path = format!("/v1/patients/{}/providers/{}", patient.id, provider.id);
        api.put(admin, &path).await.context("the assignment")?;
        self.narrator.step(
            "ADMIN",
            "lets both sign in, verifies the licence and assigns the provider",
            None,
            Some(patient.id),
        );
        Ok(())
    }

    /// Links the sign-in to the imported account, which a second administrator approves.
    async fn link(&self, known: &Known) -> Result<()> {
        let api = &self.story.api;
        let admins = &self.story.admins;
        let path = format!("/v1/users/{}", known.user_id);
        let mut user = api.get(&admins.first, &path).await.context("the account")?;
        let version = |user: &serde_json::Value| user["version"].as_i64().unwrap_or_default();
        if user["subject"] != json!(known.person.id) {
            let sign_in = json!({"subject": known.person.id, "username": known.person.email});
            let linked = api.patch(&admins.first, &path, version(&user), &sign_in);
            user = linked.await.context("the sign-in")?;
        }
        if !user["proposed_by"].is_null() {
            let path = format!("{path}/approve");
            let decision = json!({"is_approved": true});
            let approved = api.post_version(&admins.second, &path, version(&user), &decision);
            approved.await.context("the approval")?;
        }
        Ok(())
    }
}
