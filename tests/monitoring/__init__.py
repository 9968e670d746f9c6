"""What Prometheus and Grafana make of the metrics: alert rules, dashboard, and catalogue."""
