"""Writes the profiles of US Core 7.0.0 that an export claims into us-core-7.0.0.json.gz, without the words that only people
read. The argument is the package hl7.fhir.us.core 7.0.0, which HL7 publishes under CC0 1.0:
https://hl7.org/fhir/us/core/STU7/package.tgz
"""

import gzip
import io
import json
import sys
import tarfile

PROFILES = [
    "patient", "practitioner", "organization", "encounter", "condition-problems-health-concerns",
    "condition-encounter-diagnosis", "observation-lab", "vital-signs", "diagnosticreport-lab", "medicationrequest",
    "immunization", "procedure", "allergyintolerance", "goal", "careplan", "documentreference",
]
OF_PROFILE = ["text", "differential", "mapping", "contact", "jurisdiction", "extension", "description", "purpose",
              "copyright", "useContext"]
OF_ELEMENT = ["definition", "comment", "requirements", "mapping", "alias", "short", "meaningWhenMissing", "example",
              "isSummary", "isModifierReason", "extension", "label", "code"]

entries = []
with tarfile.open(sys.argv[1]) as package:
    for name in PROFILES:
        profile = json.load(package.extractfile(f"package/StructureDefinition-us-core-{name}.json"))
        for field in OF_PROFILE:
            profile.pop(field, None)
        for element in profile["snapshot"]["element"]:
            for field in OF_ELEMENT:
                element.pop(field, None)
            for field in ["extension", "description"]:
                element.get("binding", {}).pop(field, None)
        entries.append({"resource": profile})
bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
out = io.BytesIO()
with gzip.GzipFile(fileobj=out, mode="w", mtime=0) as file:
    file.write(json.dumps(bundle, separators=(",", ":")).encode())
open("us-core-7.0.0.json.gz", "wb").write(out.getvalue())
