"""A step as its cmdlet reads."""

from domain.reading import Service
from domain.steps import Step, Value


def step(service: Service, cmdlet: str, **parameters: Value) -> Step:
    return Step(service, cmdlet, parameters)
