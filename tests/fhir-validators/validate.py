"""Validates the Bundles of packages with the PyPI package fhir.resources as R4B, which has the same resources as R4 here.
The arguments are folders of unpacked packages."""

import json
import pathlib
import sys

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

faults = 0
for folder in sys.argv[1:]:
    bundle = json.loads((pathlib.Path(folder) / "fhir-bundle.json").read_text())
    get_fhir_model_class("Bundle").model_validate(bundle)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        kind = resource["resourceType"]
        try:
            get_fhir_model_class(kind).model_validate(resource)
        except ValidationError as error:
            for fault in error.errors():
                faults += 1
                where = ".".join(str(part) for part in fault["loc"])
                print(f"{folder} {kind}/{resource['id']} {where}: {fault['msg']}")
    print(f"fhir.resources: {folder}: {len(bundle['entry'])} resources")
sys.exit(1 if faults else 0)
