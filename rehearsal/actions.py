"""Tells every IAM action that AWS has, in lower case: {"ecs": ["createcluster", ...], ...}, offline.

cfn-lint brings the list. Needs cfn-lint. Calls nothing.
"""

import json
import sys
from pathlib import Path

import cfnlint

KNOWN = Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json"


def main():
    """Writes them all."""
    known = json.loads(KNOWN.read_text(encoding="utf-8"))
    json.dump({service: sorted(about["Actions"]) for service, about in known.items()}, sys.stdout)


if __name__ == "__main__":
    main()
