"""Who is compared."""

from benchmarks.contestants.contestant import Contestant, Evaluates, Scene
from benchmarks.contestants.engine import Engine
from benchmarks.contestants.kafka_streams import KafkaStreams
from benchmarks.contestants.plain import Plain
from benchmarks.contestants.quix import Quix

__all__ = ["Contestant", "Engine", "Evaluates", "KafkaStreams", "Plain", "Quix", "Scene"]
