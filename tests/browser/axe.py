"""axe-core, which looks at a page as assistive technology and the guidelines (WCAG 2.2, A and AA) do."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

FILE = Path(__file__).parents[2] / ".venv/npm/package/axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


def findings(page: Page, *rules: str) -> list[str]:
    """
    What axe-core finds, in its own words: the rule, and where.

    Args:
        page: In a context that bypasses the policy of the page, which lets no script in but its own.
        rules: Look for these only.
    """
    if not FILE.exists():
        pytest.fail("There is no axe-core: `make test` fetches it, or `scripts/test-packages`.")
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=FILE)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    found: dict[str, Any] = page.evaluate("only => axe.run({runOnly: only, resultTypes: ['violations']})", only)
    return [
        f"{violation['id']}: {violation['help']} {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
