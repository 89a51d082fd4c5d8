"""Metrics for Prometheus: what happened, how long requests take, and how many rows each key has sealed."""

try:
    from prometheus_client import CONTENT_TYPE_LATEST

    from twofold.prometheus.latency import Latency
    from twofold.prometheus.metrics import Metrics
except ModuleNotFoundError as error:
    if error.name != "prometheus_client":
        raise
    message = "twofold.prometheus needs prometheus-client: pip install 'twofold[prometheus]'"
    raise ModuleNotFoundError(message, name="prometheus_client") from error

__all__ = ["CONTENT_TYPE_LATEST", "Latency", "Metrics"]
