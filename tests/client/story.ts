// Tests the main workflow through a generated client: a provider records a visit and uploads a file, the
// patient reads both, another patient's data is refused, and the audit log and the business events show all of it.

import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import createClient, { type Client } from "openapi-fetch";
import type { BusinessEvent } from "./events.js";
import type { paths } from "./schema.js";

const baseUrl = process.env.CARETRAIL_URL ?? "http://127.0.0.1:9000";

function as(role: string): Client<paths> {
  const token = process.env[`TOKEN_${role}`];
  return createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });
}

/** Returns the answer's body. Fails unless the request succeeded. */
async function expect<T>(
  what: string,
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await call;
  assert.ok(response.ok && data !== undefined, `${what}: ${response.status} ${JSON.stringify(error)}`);
  console.log(`${response.status} ${what}`);
  return data;
}

const [admin, provider, patient, officer] = ["ADMIN", "PROVIDER", "PATIENT", "COMPLIANCE_OFFICER"].map(as);
const began = new Date().toISOString();

const patientProfile = await expect("the patient reads their own profile", patient.GET("/v1/me"));
const providerProfile = await expect("the provider reads their own profile", provider.GET("/v1/me"));
assert.ok(patientProfile.patient_id && providerProfile.provider_id);

const other = await expect(
  "the admin registers another person",
  admin.POST("/v1/users", {
    body: {
      subject: randomUUID(),
      username: `${randomUUID()}@example.org`,
      first_name: "Otto",
      last_name: "Example",
      role: "PATIENT",
    },
  }),
);
const stranger = await expect(
  "and registers them as a patient without a provider",
  admin.POST("/v1/patients", {
    body: {
      user_id: other.id,
      patient_number: randomUUID(),
      date_of_birth: "1970-01-01",
      gender: "male",
    },
  }),
);
await expect(
  "the admin assigns the provider to the patient",
  admin.PUT("/v1/patients/{id}/providers/{provider_id}", {
    params: { path: { id: patientProfile.patient_id, provider_id: providerProfile.provider_id } },
  }),
);

const visit = await expect(
  "the provider records yesterday's visit",
  provider.POST("/v1/appointments", {
    params: { header: { "Idempotency-Key": randomUUID() } },
    body: {
      patient_id: patientProfile.patient_id,
      provider_id: providerProfile.provider_id,
      scheduled_at: new Date(Date.now() - 86_400_000).toISOString(),
      duration_minutes: 30,
    },
  }),
);
await expect(
  "and completes it",
  provider.POST("/v1/appointments/{id}/complete", { params: { path: { id: visit.id } }, body: {} }),
);
const record = await expect(
  "the provider adds a diagnosis",
  provider.POST("/v1/medical-records", {
    body: {
      patient_id: patientProfile.patient_id,
      appointment_id: visit.id,
      record_type: "DIAGNOSIS",
      content: { code: { system: "http://hl7.org/fhir/sid/icd-10-cm", code: "J02.9" } },
    },
  }),
);

const bytes = new TextEncoder().encode("A letter about nobody.\n");
const { file, upload } = await expect(
  "the provider announces a file",
  provider.POST("/v1/files", {
    body: {
      owner_type: "PATIENT",
      owner_id: patientProfile.id,
      original_name: "letter.txt",
      file_type: "text/plain",
      file_size: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    },
  }),
);
assert(upload && "url" in upload, "a small file is sent in one request");
const sent = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: bytes });
assert.equal(sent.status, 200, await sent.text());
console.log(`${sent.status} and sends it to S3`);

const deadline = Date.now() + 30_000;
let opened = await expect("the patient opens the file", patient.GET("/v1/files/{id}", { params: { path: { id: file.id } } }));
while (opened.download === null && Date.now() < deadline) {
  await pause(200);
  opened = await expect("and opens it again", patient.GET("/v1/files/{id}", { params: { path: { id: file.id } } }));
}
assert.ok(opened.download, `the file is ${opened.status}`);
const fetched = await fetch(opened.download.url);
assert.deepEqual(new Uint8Array(await fetched.arrayBuffer()), bytes);
console.log(`${fetched.status} and reads what was sent`);

const chart = await expect(
  "the patient reads their chart",
  patient.GET("/v1/medical-records", { params: { query: { patient_id: patientProfile.patient_id } } }),
);
assert.ok(chart.items.some((entry) => entry.id === record.id));

const refused = await patient.GET("/v1/patients/{id}", { params: { path: { id: stranger.id } } });
assert.equal(refused.response.status, 404);
assert.ok(refused.error && "type" in refused.error);
assert.equal(refused.error.type, "/problems/not-found");
console.log("404 the patient can't read another patient's data");

// The consumer of events reads them in pages, until all that happened here have come.
const events: BusinessEvent[] = [];
let cursor: string | undefined;
while (!events.some((event) => event.type === "caretrail.file.available.v1" && event.data.file_id === file.id)) {
  assert.ok(Date.now() < deadline + 30_000, "the events come");
  const page = await expect(
    "the admin reads the next events",
    admin.GET("/v1/events", { params: { query: { cursor, limit: 100 } } }),
  );
  // The types made of openapi.json and of asyncapi.json are the same.
  events.push(...page.items);
  cursor = page.next_cursor;
  if (page.items.length === 0) await pause(200);
}
/** Tells what an event says of the visit, the record or the file. Its type decides which data it has. */
function told(event: BusinessEvent): string | undefined {
  switch (event.type) {
    case "caretrail.appointment.booked.v1":
    case "caretrail.appointment.completed.v1":
      return event.data.appointment_id === visit.id ? `visit ${event.data.status}` : undefined;
    case "caretrail.record.added.v1":
      return event.data.record_id === record.id ? `record ${event.data.record_type}` : undefined;
    case "caretrail.file.available.v1":
      return event.data.file_id === file.id ? `file ${event.data.status}` : undefined;
    default:
      return undefined;
  }
}
// @ts-expect-error A role has no appointment: the type of an event decides which data it has.
const refusedByTypes = (event: BusinessEvent & { type: "caretrail.role.created.v1" }) => event.data.appointment_id;
void refusedByTypes;
assert.deepEqual(events.map(told).filter(Boolean), [
  "visit SCHEDULED",
  "visit COMPLETED",
  "record DIAGNOSIS",
  "file AVAILABLE",
]);

const log = await expect(
  "the officer reads the audit log",
  officer.GET("/v1/audit-logs", { params: { query: { user_id: patientProfile.id, from: began, limit: 100 } } }),
);
const actions = log.items.map((row) => `${row.application} ${row.outcome}`);
for (const action of ["get-me SUCCESS", "get-file SUCCESS", "list-records SUCCESS", "get-patient DENIED"]) {
  assert.ok(actions.includes(action), `${action} is missing: ${actions.join(", ")}`);
}
console.log("The generated client completed the workflow.");
