"""Checks workflows, issue forms and CITATION.cff against their schemas: python tools/check_forms.py

No network: check-jsonschema carries the schemas.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/*_*.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.citation-file-format": "CITATION.cff",
}


def main(root: Path = ROOT) -> int:
    """The number of schemas that some file does not follow; says which file, and where."""
    check = [sys.executable, "-m", "check_jsonschema", "--quiet", "--builtin-schema"]
    found = {schema: sorted(map(str, root.glob(pattern))) for schema, pattern in SCHEMAS.items()}
    runs = [subprocess.run([*check, schema, *files], check=False) for schema, files in found.items() if files]
    return sum(run.returncode != 0 for run in runs)


if __name__ == "__main__":
    sys.exit(main())
