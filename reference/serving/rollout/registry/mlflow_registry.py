"""MLflow as the registry: SQLite in a folder by default, a server by MLFLOW_TRACKING_URI, the same calls.

One run per version holds parameters, metrics, the data hash and the environment; the registered model version points at
the run and at the folder of the weights, which stay where they are. Aliases are read anew at every call: whoever moves
one by hand is seen at the next look.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference.serving.rollout.registry.base import (
    ALIASES,
    RegistryDownError,
    check_digest,
    deployable,
    refuse_delete,
)
from reference.serving.rollout.types import ModelVersion, RolloutError


def default_folder() -> Path:
    from reference.serving.models import cache_dir

    return cache_dir() / "rollout"


def tracking_uri(folder: Path | None = None) -> str:
    """MLFLOW_TRACKING_URI, else SQLite in `folder` (made if missing). A value that is not a URI is refused by name."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    if uri and folder is None:
        if "://" not in uri:
            raise RolloutError(
                f"MLFLOW_TRACKING_URI: {uri!r} is no URI; write http://host:5000 or sqlite:////path/file.db"
            )
        return uri
    folder = folder or default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


class MlflowRegistry:
    """`uri` wins over `folder` wins over MLFLOW_TRACKING_URI wins over the cache folder. The first call makes the
    tables (seconds); later ones take milliseconds.
    """

    def __init__(
        self,
        uri: str | None = None,
        folder: Path | None = None,
        in_use: Callable[[str], bool] = lambda version: False,
    ) -> None:
        self.uri = uri or tracking_uri(folder)
        self._in_use = in_use
        self._client: Any = None
        self._read: dict[str, ModelVersion] = {}  # by run: what is registered never changes

    def _call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """One call of MLflow's client; a server that does not answer becomes RegistryDownError, the rest passes."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        # MLflow waits minutes for a server that is gone; a controller that looks every few seconds must not.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        from mlflow.exceptions import MlflowException

        try:
            if self._client is None:
                import logging

                from mlflow.tracking import MlflowClient

                logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table that it makes

                self._client = MlflowClient(self.uri, self.uri)
            return getattr(self._client, method)(*arguments, **options)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE"):
                raise
            raise RegistryDownError(f"registry: {self.uri} does not answer: {str(error)[:200]}") from error
        except (OSError, ConnectionError) as error:
            raise RegistryDownError(f"registry: {self.uri} does not answer: {error}") from error
        except Exception as error:
            if type(error).__module__.startswith(("sqlalchemy", "requests", "urllib3", "sqlite3", "alembic")):
                raise RegistryDownError(f"registry: {self.uri} does not answer: {str(error)[:200]}") from error
            raise

    def register(self, version: ModelVersion) -> ModelVersion:
        """Log a run and register the version. Again with the same weights: nothing happens.

        Raises RolloutError for a changed artefact, and for a version number that has other weights already.
        """
        from mlflow.exceptions import MlflowException

        check_digest(version)
        for known in self.versions(version.name):
            if known.version == version.version:
                if known.digest != version.digest:
                    raise RolloutError(
                        f"version: {version.version} is registered with other weights; take a new number"
                    )
                return known
        try:
            self._call("create_registered_model", version.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise RolloutError(f"name: {version.name!r} is refused by the registry: {error}") from error
        experiment = self._call("get_experiment_by_name", version.name)
        experiment_id = experiment.experiment_id if experiment else self._call("create_experiment", version.name)
        run = self._call("create_run", experiment_id, run_name=version.version)
        for key, value in version.parameters.items():
            self._call("log_param", run.info.run_id, key, value)
        for key, metric in version.metrics.items():
            self._call("log_metric", run.info.run_id, key, metric)
        environment = {"python": platform.python_version(), "machine": platform.machine()}
        for key, value in {**version.lineage, **{f"environment.{k}": v for k, v in environment.items()}}.items():
            self._call("set_tag", run.info.run_id, key, value)
        self._call("set_terminated", run.info.run_id)
        # The version is made last and with all its tags: a crash before leaves a run, never a version without a digest.
        tags = {
            "version": version.version,
            "digest": version.digest,
            "served_as": version.served_as,
            "lineage": json.dumps(version.lineage, sort_keys=True),
        }
        self._call(
            "create_model_version", version.name, Path(version.path).resolve().as_uri(), run.info.run_id, tags=tags
        )
        return self.get(version.name, version.version)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Newest first; () for an unknown model."""
        found = self._call("search_model_versions", f"name = '{_quoted(model)}'", max_results=1000)
        ours = [one for one in found if "digest" in one.tags and one.status == "READY"]
        return tuple(self._version(one) for one in sorted(ours, key=lambda one: -int(one.version)))

    def _version(self, found: Any) -> ModelVersion:
        from urllib.parse import unquote, urlsplit

        if found.run_id in self._read:
            return self._read[found.run_id]
        run = self._call("get_run", found.run_id)
        self._read[found.run_id] = ModelVersion(
            found.name,
            found.tags["version"],
            found.tags["digest"],
            unquote(urlsplit(found.source).path),
            found.tags.get("served_as", ""),
            dict(run.data.metrics),
            dict(run.data.params),
            json.loads(found.tags.get("lineage", "{}")),
        )
        return self._read[found.run_id]

    def get(self, model: str, version: str) -> ModelVersion:
        """Raises RolloutError for an unknown version and for weights that were changed since."""
        for one in self.versions(model):
            if one.version == version:
                check_digest(one)
                return one
        raise RolloutError(f"version: {model} {version!r} is not registered")

    def _number(self, model: str, version: str) -> str:
        for one in self._call("search_model_versions", f"name = '{_quoted(model)}'", max_results=1000):
            if one.tags.get("version") == version:
                return str(one.version)
        raise RolloutError(f"version: {model} {version!r} is not registered")

    def alias(self, model: str, alias: str) -> str | None:
        """The version an alias points at, None if it points nowhere."""
        return self._aliases(model).get(alias)

    def _aliases(self, model: str) -> dict[str, str]:
        from mlflow.exceptions import MlflowException

        try:
            found = self._call("get_registered_model", model)
        except MlflowException:
            return {}
        numbers = {
            str(one.version): one.tags.get("version", "")
            for one in self._call("search_model_versions", f"name = '{_quoted(model)}'", max_results=1000)
        }
        return {alias: numbers[str(number)] for alias, number in found.aliases.items() if str(number) in numbers}

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Raises RolloutError for an alias that the rollout does not know, and for an unknown version."""
        if alias not in ALIASES:
            raise RolloutError(f"alias: {alias!r} is not one of {', '.join(ALIASES)}")
        self._call("set_registered_model_alias", model, alias, self._number(model, version))

    def deployable(self, model: str) -> tuple[ModelVersion, ...]:
        return deployable(self.versions(model), self._aliases(model))

    def delete(self, model: str, version: str) -> None:
        """Raises RolloutError for a version that an alias, a running rollout or the last-three rule holds."""
        number = self._number(model, version)
        refuse_delete(version, self.versions(model), self._aliases(model), self._in_use)
        self._call("delete_model_version", model, number)


def _quoted(model: str) -> str:
    if "'" in model or not model:
        raise RolloutError(f"name: {model!r} cannot name a model; use letters, digits, - and _")
    return model
