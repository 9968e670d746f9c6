"""Who is compared."""

from benchmarks.contestants.contestant import Contestant, Evaluates, Scene
from benchmarks.contestants.engine import Engine
from benchmarks.contestants.faststream import FastStream
from benchmarks.contestants.kafka_streams import KafkaStreams
from benchmarks.contestants.plain import Plain
from benchmarks.contestants.quix import Quix

__all__ = ["Contestant", "Engine", "Evaluates", "FastStream", "KafkaStreams", "Plain", "Quix", "Scene"]
