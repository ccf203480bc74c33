"""What of the machine that it runs on a configuration names."""

from __future__ import annotations

from typing import Protocol

from urlrewrite.model import Site
from urlrewrite.model.origin import Origin


class Surroundings(Protocol):
    """What of the machine the configuration names: it is another one when it is proved."""

    def listen(self, scheme: str, port: int) -> str:
        """Return what to listen at, such as `443`."""

    def dial(self, host: str, port: int, origin: Origin) -> str:
        """Return what to connect to for a backend, which requests know by its origin."""

    def certificate(self, site: Site | None) -> tuple[str, str]:
        """Return the files of certificate and key; None for names that no site has."""

    def authority(self, file: str) -> str:
        """Return the file of the authorities that backends of https are checked by."""


class Production:
    """The machine that the rule file speaks of."""

    def listen(self, scheme: str, port: int) -> str:
        return str(port)

    def dial(self, host: str, port: int, origin: Origin) -> str:
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def authority(self, file: str) -> str:
        return file or "/etc/ssl/certs/ca-certificates.crt"

    def certificate(self, site: Site | None) -> tuple[str, str]:
        if site and site.certificate:
            return site.certificate.file, site.certificate.file
        name = site.public[0].host.replace("*", "_") if site and site.public else "default"
        return f"/etc/nginx/{name}.pem", f"/etc/nginx/{name}.key"
