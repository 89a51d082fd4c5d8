"""What a scrape tells, read as Prometheus reads it."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples_in(text: bytes) -> Samples:
    """Every sample by its name and labels; none stands there twice."""
    families = list(text_string_to_metric_families(text.decode()))
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def told(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample; nothing where there is none."""
    return samples.get((name, frozenset(labels.items())))


def counted(samples: Samples) -> dict[str, float]:
    """What has been counted of events: all that is more than none, by its name and the values of its labels."""
    return {
        " ".join((name.removeprefix("twofold_").removesuffix("_total"), *(value for _, value in sorted(labels)))): value
        for (name, labels), value in samples.items()
        if name.endswith("_total") and value
    }


def values_of_labels(samples: Samples) -> set[str]:
    return {value for _, labels in samples for _, value in labels}
