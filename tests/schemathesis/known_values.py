#!/usr/bin/env python3
"""Prints, as TOML, values that exist in the local cloud, so that generated requests also find something.

The first argument is the role that will send the requests. Lists are read in that role, and users as ADMIN. Before that,
administrators register people, the provider books visits with a patient in their care and writes records, and the
patient announces files.
"""

import datetime
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request

ROLE = sys.argv[1]
NOTHING = ["00000000-0000-0000-0000-000000000000"]
NOW = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)


def send(role, path, body=None):
    """The answer to a GET, or to a POST of this body. None if it is refused."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["CARETRAIL_URL"] + path, data=data)
    request.add_header("authorization", "Bearer " + os.environ[f"TOKEN_{role}"])
    request.add_header("content-type", "application/json")
    request.add_header("if-match", "*")
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        print(role, path, refused.read().decode(), file=sys.stderr)
        return None


def listed(path, role=ROLE):
    """The items of a list, or none if the role may not read it."""
    return (send(role, path) or {"items": []})["items"]


def ids(items):
    return [item["id"] for item in items] or NOTHING


def times():
    """Times before and after today, on the full hour."""
    days = [*range(-40, 0), *range(1, 40)]
    return [written(NOW + datetime.timedelta(days=day, hours=day % 7)) for day in days]


def written(time):
    """The time as RFC 3339 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_rows():
    """Makes visits, records and files of a patient and a provider."""
    provider = send("PROVIDER", "/v1/me")["provider_id"]
    patient = listed("/v1/patients?limit=1", "PROVIDER")[0]
    of_patient = {"patient_id": patient["id"]}
    for index, time in enumerate(times()[::2]):
        visit = {**of_patient, "provider_id": provider, "scheduled_at": time, "duration_minutes": 20}
        booked = send("PROVIDER", "/v1/appointments", visit)
        # Half of the past visits stay open, so that they can be checked in, missed or completed.
        if booked and time < written(NOW) and index % 2:
            send("PROVIDER", f"/v1/appointments/{booked['id']}/complete", {})
    for number in range(60):
        content = {"text": f"Note {number}"}
        send("PROVIDER", "/v1/medical-records", {**of_patient, "record_type": "NOTE", "content": content})
        announce(patient, "text/plain", f"File {number}".encode())
    # All parts of this file are sent, and it only waits to be completed.
    video = bytes(65 * 1024 * 1024)
    for part in announce(patient, "video/mp4", video)["upload"]["parts"]:
        content, video = video[: part["size"]], video[part["size"] :]
        urllib.request.urlopen(urllib.request.Request(part["url"], data=content, headers=part["headers"], method="PUT"))


def register():
    """Registers patients and providers. They have no visits, so they can be archived."""
    for number in range(40):
        for role, path, profile in [
            ("PATIENT", "/v1/patients", {"patient_number": f"P-{number}", "date_of_birth": "1990-05-17", "gender": "other"}),
            ("PROVIDER", "/v1/providers", {"license_number": f"L-{number}", "specialties": ["Family medicine"]}),
        ]:
            user = send("ADMIN", "/v1/users", {
                "username": f"{role.lower()}-{number}@example.org", "role": role,
                "first_name": "Sample", "last_name": f"{role.capitalize()} {number}",
            })
            if user["awaits_approval"]:
                send("SECOND_ADMIN", f"/v1/users/{user['id']}/approve", {"is_approved": True})
            send("ADMIN", path, {"user_id": user["id"], **profile})


def announce(patient, file_type, content):
    """The answer to the announcement of a file with this content."""
    return send("PATIENT", "/v1/files", {
        "owner_type": "PATIENT", "owner_id": patient["user_id"], "original_name": "a file", "file_type": file_type,
        "file_size": len(content), "sha256": hashlib.sha256(content).hexdigest(),
    })


register()
make_rows()
values = {
    "patients": ids(listed("/v1/patients?limit=100") or listed("/v1/patients?limit=100", "ADMIN")),
    "providers": ids(listed("/v1/providers?limit=100")),
    "users": ids(listed("/v1/users?limit=100", "ADMIN")),
    "patient-users": [item["user_id"] for item in listed("/v1/patients?limit=100")] or NOTHING,
    "appointments": ids(listed("/v1/appointments?limit=100")),
    "records": ids(listed("/v1/medical-records?limit=100")),
    "files": ids(listed("/v1/files?limit=100")),
    "roles": ["INTERN", "NIGHT_DESK", "SCRIBE", "STUDENT"],
    "times": times(),
    "times-to-come": [time for time in times() if time > written(NOW)],
    "any-version": ["*"],
}
for name, known in values.items():
    print(f"[dictionaries.{name}]\nvalues = {json.dumps(known)}\n")
