"""Where versions and their aliases live: MLflow on SQLite or a server, or memory."""

from reference.serving.rollout.registry.base import RegistryDownError
from reference.serving.rollout.registry.memory import MemoryRegistry
from reference.serving.rollout.registry.mlflow_registry import MlflowRegistry

__all__ = ["MemoryRegistry", "MlflowRegistry", "RegistryDownError"]
