"""Kubernetes: a configuration for one server, whose token is read from a file again and again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from broker.running.shapes.shape import Fitting, Place, variable_of, word_of
from broker.running.source import HeldValues
from broker.secret import Secret


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """``KUBECONFIG``. Its authority is the machine's, unless a file is named.

    The token's file is named as it lies beside the configuration, which is how the tools read a
    path that is not absolute.
    """

    server: str
    ca_file: str = ""
    is_proxied: bool = False

    def fit(self, held: HeldValues, place: Place) -> Fitting:
        """Return where the configuration is."""
        need = variable_of(held.name)
        token = str(place.folder / _token_name(held))
        file = str(place.folder / _name(held))
        return Fitting({"KUBECONFIG": file, f"{need}_TOKEN_FILE": token})

    def files(self, held: HeldValues) -> Mapping[str, Secret]:
        """Return the configuration (JSON is YAML), and the token."""
        token = word_of(held, "access_token", "token", "service_account_token")
        return {
            _name(held): Secret(json.dumps(self._document(held), indent=2) + "\n"),
            _token_name(held): Secret(token),
        }

    def _document(self, held: HeldValues) -> dict[str, object]:
        name = held.name
        cluster = {"server": self.server}
        if self.ca_file:
            cluster["certificate-authority"] = self.ca_file
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"tokenFile": _token_name(held)}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }


def _name(held: HeldValues) -> str:
    return f"{held.name}.kubeconfig"


def _token_name(held: HeldValues) -> str:
    return f"{held.name}.token"
