#!/usr/bin/env python3
"""Prints the elements of FHIR R4 that elements.rs walks, from the package hl7.fhir.r4.examples of npm.

The argument is the folder of the unpacked package. A line has the path, the least and the most number of values, and
the types. A type that begins with # stands for the elements of another path.

    npm pack hl7.fhir.r4.examples@4.0.1 && tar xzf hl7.fhir.r4.examples-4.0.1.tgz
    shared/fhir/tests/extract_r4_elements.py package >shared/fhir/tests/r4_elements.tsv
"""

import json
import pathlib
import sys

RESOURCES = [
    "AllergyIntolerance", "CarePlan", "Condition", "DiagnosticReport", "Encounter", "Goal", "ImagingStudy", "Immunization",
    "Location", "Medication", "MedicationRequest", "Observation", "Organization", "Patient", "Practitioner",
    "PractitionerRole", "Procedure", "Specimen",
]
# The elements of these say nothing of their own or can hold anything.
OPAQUE = {"Extension", "Narrative", "Meta", "Resource"}

package = pathlib.Path(sys.argv[1])
waiting, done = list(RESOURCES), set()
while waiting:
    name = waiting.pop(0)
    if name in done or name in OPAQUE:
        continue
    done.add(name)
    definition = json.loads((package / f"StructureDefinition-{name}.json").read_text())
    if definition["kind"] == "primitive-type":
        continue
    for element in definition["snapshot"]["element"][1:]:
        types = [kind["code"] for kind in element.get("type", [])]
        # The ids of resources and elements are strings.
        types = ["string" if kind.startswith("http://hl7.org/fhirpath/") else kind for kind in types]
        waiting += [kind for kind in types if kind not in ("BackboneElement", "Element")]
        if "contentReference" in element:
            types = [element["contentReference"]]
        print(element["path"], element["min"], element["max"], ",".join(types), sep="\t")
