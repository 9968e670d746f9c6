"""The dashboard as Grafana reads it."""

from itertools import combinations

from tests.monitoring.expressions import dashboard, panels
from tests.monitoring.formats import FORMATS

_ROWS = ["Overview", "Input", "Cycles", "Publishing", "State", "Group", "Process"]


def test_every_panel_has_a_title_a_description_a_unit_and_queries_with_legends() -> None:
    for panel in panels():
        assert panel.title
        assert panel.json["description"].endswith("."), panel.title
        assert panel.unit in FORMATS, panel.title
        assert panel.queries, panel.title
        assert all(query and legend for query, legend in panel.queries), panel.title


def test_every_panel_and_query_asks_the_data_source_that_the_viewer_chose() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    found = dashboard()

    assert [each["type"] for each in found["templating"]["list"] if each["name"] == "datasource"] == ["datasource"]
    assert all(panel.json["datasource"] == chosen for panel in panels())
    assert all(target["datasource"] == chosen for panel in panels() for target in panel.json["targets"])
    assert all(each["datasource"] == chosen for each in found["annotations"]["list"])


def test_every_query_is_of_the_deployment_that_the_viewer_chose() -> None:
    for panel in panels():
        for query, _ in panel.queries:
            assert query.count("{") == query.count('job="$job"'), panel.title


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    found = dashboard()["panels"]

    assert len({panel["id"] for panel in found}) == len(found)
    for first, second in combinations([panel["gridPos"] for panel in found], 2):
        beside = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        below = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert beside or below, (first, second)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in found)


def test_rows_go_from_what_everybody_asks_to_what_a_search_for_faults_needs() -> None:
    assert [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"] == _ROWS


def test_links_to_the_dashboard_last() -> None:
    assert dashboard()["uid"] == "engagement-engine"


def test_no_query_holds_a_fixed_rate_interval() -> None:
    """Grafana knows how often its data source scrapes; a shorter interval would show nothing."""
    for panel in panels():
        for query, _ in panel.queries:
            assert "[" not in query or "[$__rate_interval]" in query, panel.title
