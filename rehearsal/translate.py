"""Translates a SAM template into the plain CloudFormation that AWS would make of it, offline.

Some faults show only there: a dependency cycle between a function and what sets it off (E3004), or
an invalid property that SAM passes on. So the translated template is linted as well, once per side:

    python rehearsal/translate.py template.yaml --parameter Side=production --output production.json
    cfn-lint production.json

Needs aws-sam-translator, which comes with aws-sam-cli. Calls nothing.
"""

import argparse
import json
import sys
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

# What `sam package` puts in place of a local folder; the translator refuses anything else.
UPLOADED_CODE = "s3://bucket/code.zip"


def translate(template: dict, parameters: dict[str, str], region: str) -> dict:
    """Returns the CloudFormation of a SAM template; raises InvalidDocumentException."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = UPLOADED_CODE
    for name, value in parameters.items():
        # Pinned, so that a linter looks at this choice and not at every combination.
        template["Parameters"][name] |= {"Default": value, "AllowedValues": [value]}
    # Managed policies named in a template are looked up in IAM; ours are written out instead.
    translator = Translator(
        managed_policy_map={},
        sam_parser=Parser(),
        boto_session=boto3.Session(region_name=region),
    )
    return translator.translate(sam_template=template, parameter_values=dict(parameters))


def main() -> None:
    """Reads the arguments, translates, writes."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("template", type=Path)
    arguments.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    arguments.add_argument("--region", default="us-east-1")
    arguments.add_argument("--output", type=Path, help="a file instead of standard output")
    given = arguments.parse_args()

    template = yaml_parse(given.template.read_text(encoding="utf-8"))
    parameters = dict(pair.split("=", 1) for pair in given.parameter)
    try:
        translated = translate(template, parameters, given.region)
    except InvalidDocumentException as error:
        sys.exit("\n".join([error.message, *(cause.message for cause in error.causes)]))
    text = json.dumps(translated, indent=2, default=str) + "\n"
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
