# SPDX-License-Identifier: MIT
"""The alert rules and the dashboard in packaging/examples use the metrics that there are.

promtool, of Prometheus, parses all expressions and tries the alerts on series; it is Debian's
package prometheus. Grafana itself is not started: of the dashboard, its queries and its layout are
checked.
"""

from __future__ import annotations

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.programs import program
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import prometheus
from postfix_rest_inetd.admin.statistics.counters import Counters
from postfix_rest_inetd.admin.statistics.journal_entry import COLD, JournalEntry

EXAMPLES = Path(__file__).parents[2] / "packaging/examples"
ALERTS = EXAMPLES / "prometheus-alerts.yaml"
DASHBOARD = EXAMPLES / "grafana-dashboard.json"
FOREIGN = "node_textfile_mtime_seconds"  # of node_exporter
METRIC = re.compile(r"\b(?:postfix_rest_|node_textfile_)\w+")
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
TIMEOUT_SEC = 60


def exported() -> dict[str, list[dict[str, str]]]:
    """The labels of all samples, by name, of something of everything."""
    counters = Counters()
    base = JournalEntry(1, "e", model.TCP_LOOKUP, model.FOUND, True, 1, 1, 200, "", ())  # noqa: FBT003
    counters.add(base._replace(start=COLD, start_usec=1, target="http://h"))
    counters.add(base._replace(mode="", is_request=False, outcome=model.UNUSABLE_CONFIG))
    samples: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(prometheus.text_of(counters, [])):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample.labels)
    return samples


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def queries() -> list[str]:
    """The expressions of the panels, without Grafana's variables."""
    found = [t["expr"] for panel in dashboard()["panels"] for t in panel["targets"]]
    return [
        re.sub(r"\$(?:instance|endpoint)", ".*", e.replace("$__rate_interval", "5m")) for e in found
    ]


def promtool(*arguments: str | Path) -> str:
    """What promtool says; it has to be content."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "texts", [[ALERTS.read_text(encoding="utf-8")], queries()], ids=["alerts", "dashboard"]
)
def test_metrics(texts: list[str]) -> None:
    """Each name is one of the exporter, with these labels, and values that occur."""
    samples = exported()
    named = {name for text in texts for name in METRIC.findall(text)}
    assert named - {FOREIGN} <= set(samples)
    assert len(named) > 5
    for text in texts:
        for name, matchers in SELECTOR.findall(text):
            if name not in samples:
                continue
            for label, operator, value in MATCHER.findall(matchers):
                known = {labels[label] for labels in samples[name] if label in labels}
                if label == "instance":
                    continue  # from Prometheus
                assert known, f"{name} has no label {label}"
                words = value.split("|") if operator in ("=~", "!~") else [value]
                possible = {*known, *model_words(), ".*"}
                assert set(words) <= possible, f"{name}: {label}"


def model_words() -> set[str]:
    """The outcomes, and the values of labels that the exporter has besides them."""
    words = {getattr(model, name) for name in vars(model) if name.isupper()}
    words = {value for value in words if isinstance(value, str)}
    return {*words, "stale", "failed"}


def test_every_metric_is_shown() -> None:
    """The dashboard has a panel for each metric."""
    families = set(prometheus._HELP)
    shown = {
        re.sub("_(bucket|sum|count)$", "", name)
        for text in queries()
        for name in METRIC.findall(text)
    }
    assert shown == families


def test_layout() -> None:
    """Panels have a number of their own, fit 24 columns, and do not overlap."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 5
    places = [panel["gridPos"] for panel in panels]
    assert [place for place in places if place["x"] + place["w"] > 24] == []
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    names = {variable["name"] for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text(encoding="utf-8")))
    assert used - {"__rate_interval", "__all"} == names


def test_rules() -> None:
    """Promtool takes the alert rules."""
    assert "7 rules found" in promtool("check", "rules", ALERTS)


def test_expressions(tmp_path: Path) -> None:
    """Promtool takes the expressions of the dashboard, as rules that record them."""
    rules = [{"record": f"r:{n}", "expr": text} for n, text in enumerate(queries())]
    path = tmp_path / "rules.json"  # which is YAML as well
    path.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", path)


LABELS = 'endpoint="e",instance="i",mode="tcp-lookup"'
REQUESTS = f"postfix_rest_requests_total{{{LABELS},outcome=%s}}"
TARGETS = f'postfix_rest_target_requests_total{{{LABELS},target="t",result=%s}}'
SLOW = f"postfix_rest_request_duration_seconds_bucket{{{LABELS},le=%s}}"
STALE = f'postfix_rest_answers_total{{{LABELS},source="stale"}}'
OTHERS = 'postfix_rest_other_errors_total{instance="i",endpoint="",mode="",outcome=%s}'
FILE = 'node_textfile_mtime_seconds{instance="i",file="/x/postfix-rest-inetd.prom"}'

# alert: the series that raise it, and those that do not, as promtool writes them.
TRIALS = {
    "PostfixRestFailures": (
        {REQUESTS % '"found"': "0+90x30", REQUESTS % '"timeout"': "0+10x30"},
        {REQUESTS % '"not-found"': "0+97x30", REQUESTS % '"timeout"': "0+3x30"},
    ),
    "PostfixRestBackendRefuses": (
        {REQUESTS % '"user-error"': "0x15 1x15"},
        {REQUESTS % '"server-error"': "0x15 1x15"},
    ),
    "PostfixRestStaleAnswers": ({STALE: "0+1x30"}, {STALE: "7x11 8x18"}),
    "PostfixRestTargetFails": (
        {TARGETS % '"failed"': "0+1x30"},
        {TARGETS % '"answered"': "0+1x30", TARGETS % '"failed"': "0x11 1x18"},
    ),
    "PostfixRestUnusable": (
        {OTHERS % '"unusable-config"': "0x15 3x15"},
        {OTHERS % '"broken-request"': "0x15 3x15"},
    ),
    "PostfixRestSlow": (
        {SLOW % '"2.5"': "0+9x30", SLOW % '"5"': "0+10x30", SLOW % '"+Inf"': "0+10x30"},
        {SLOW % '"0.1"': "0+10x30", SLOW % '"5"': "0+10x30", SLOW % '"+Inf"': "0+10x30"},
    ),
    "PostfixRestNoMetrics": ({FILE: "0x30"}, {FILE: "0+60x30"}),
}
"""After 20 minutes; a value is a minute. `0+9x30` rises by 9, `0x15 1x15` rises once."""


def test_every_alert_is_tried() -> None:
    """Each alert has a trial."""
    found = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
    assert found == list(TRIALS)


def test_alerts(tmp_path: Path) -> None:
    """An alert is raised by what it is for, and not by its neighbour; promtool calculates that.

    Each trial is an instance of its own, because a storage for each would take seconds.
    """
    samples, checks = [], []
    for alert, trials in TRIALS.items():
        for series, is_raised in zip(trials, (True, False), strict=True):
            instance = f"{alert}-{is_raised}"
            for name, values in series.items():
                own = name.replace('instance="i"', f'instance="{instance}"')
                assert own != name
                samples.append({"series": own, "values": values})
            labels = f'alertname="{alert}",alertstate="firing",instance="{instance}"'
            wanted = [{"labels": "{}", "value": 1}] if is_raised else []
            expression = f"count(ALERTS{{{labels}}})"
            checks.append({"expr": expression, "eval_time": "20m", "exp_samples": wanted})
    trial = {"interval": "1m", "input_series": samples, "promql_expr_test": checks}
    path = tmp_path / "tests.json"
    path.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [trial]}))
    promtool("test", "rules", path)
