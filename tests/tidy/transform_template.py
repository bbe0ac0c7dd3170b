"""Prints template.yaml as CloudFormation receives it, with the transform that AWS itself applies.

A function needs its code in S3, so each CodeUri is replaced by the place where `sam deploy` would put it.
"""

import json
import os
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names no managed policy of AWS by its short name."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        properties = resource["Properties"]
        name = properties["CodeUri"].rstrip("/").rsplit("/", 1)[-1]
        properties["CodeUri"] = f"s3://code/{name}"
defaults = {
    name: parameter["Default"]
    for name, parameter in template["Parameters"].items()
    if "Default" in parameter
}
print(json.dumps(transform(template, defaults, NoManagedPolicies())))
