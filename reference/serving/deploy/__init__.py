"""A chosen design as files: Kubernetes manifests (with HPA or KEDA) and a Ray Serve configuration."""

from .spec import Deployed, DeployError, deployed
from .write import export

__all__ = ["DeployError", "Deployed", "deployed", "export"]
