"""The files of an export: all written, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reference.sizing.files import write_all

from .kubernetes import manifests, service_monitor
from .ray_serve import ray_serve_config
from .scaling import adapter_rules
from .spec import Deployed, DeployError

HEAD = "# Made by `workbook plan --export`. Change the requirements and export again.\n"
ROUTING = (
    "# The plan was simulated with requests going to the least loaded replica. A Service spreads connections at\n"
    "# random: put a gateway that knows the load in front of it, such as the Gateway API Inference Extension.\n"
)


def to_yaml(*documents: dict[str, Any], head: str = HEAD) -> str:
    """YAML in the order of the mappings."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # a selector is written out wherever it stands
            return True

    return head + "---\n".join(yaml.dump(one, Dumper=Plain, sort_keys=False, width=120) for one in documents)


def texts(spec: Deployed) -> dict[str, str]:
    """File name -> content."""
    made = {
        "kubernetes.yaml": to_yaml(*manifests(spec), head=HEAD + ROUTING),
        "service-monitor.yaml": to_yaml(service_monitor(spec)),
        "ray-serve.yaml": to_yaml(ray_serve_config(spec)),
    }
    if spec.scaler == "hpa":
        made["prometheus-adapter-values.yaml"] = to_yaml(adapter_rules())
    return made


def export(folder: str | Path, spec: Deployed) -> dict[str, Path]:
    """Write the files into `folder`, which is made; returns name -> path. Raises DeployError if that cannot be."""
    target = Path(folder)
    content = texts(spec)
    for name in content:
        if (target / name).is_dir():
            raise DeployError(f"{target / name} is a folder: name another folder to export to")
    try:
        return write_all(target, content)
    except OSError as error:
        raise DeployError(f"folder {target} cannot be written: {error.strerror or error}") from None
