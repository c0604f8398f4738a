"""Settings from the environment; read once in a composition root (the command, the service) and passed on."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cim.errors import InvalidSetting
from cim.private_crs import use_private_systems


class Settings(BaseSettings):
    """What an operator can set; every name has the prefix ``CIM_``.

    ``metric_crs`` is the projected system in which buffers, grids and local frames are constructed (metres);
    lengths and areas that are reported are geodesic and need none. ``private_crs`` is a TOML file of the owner's own
    coordinate systems (``cim.private_crs``); ``private_crs.toml`` in ``home`` where it is not set.
    ``snap_tolerance_m``: ends of pipes, roads and rivers that are closer are one node. ``service_distance_m``: so far
    from a pipe a building may stand that it serves. ``webhook_networks``: networks (CIDR, by commas) that webhooks may
    lead to though they are not public. ``chromium``: the browser that prints briefings, where it is not on the path.
    """

    model_config = SettingsConfigDict(env_prefix="CIM_", extra="ignore", frozen=True)

    home: Path = Path(".cim")
    database_url: str | None = Field(default=None, repr=False)
    replica_urls: str = Field(default="", repr=False)
    metric_crs: str = "EPSG:4547"
    vertical_crs: str = "EPSG:5737"
    private_crs: Path | None = None
    log: Literal["text", "json"] = "text"
    mqtt_url: str | None = Field(default=None, repr=False)
    oidc_issuer: str | None = None
    dask_address: str | None = None
    snap_tolerance_m: float = Field(default=0.1, gt=0, le=50)
    service_distance_m: float = Field(default=50.0, gt=0, le=1000)
    statement_timeout_s: float = Field(default=30.0, gt=0)
    webhook_networks: str = ""
    chromium: str | None = None

    @field_validator("metric_crs", "vertical_crs")
    @classmethod
    def _authority_code(cls, value: str) -> str:
        authority, _, code = value.partition(":")
        if authority.upper() != "EPSG" or not code.isdigit():
            raise ValueError(f"'{value}' is not of the form EPSG:N")
        return f"EPSG:{code}"

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in (word.strip() for word in value.split(",") if word.strip()):
            try:
                ip_network(part)
            except ValueError:
                raise ValueError(f"'{part}' is no network; write them like 10.1.0.0/16,fd00::/8") from None
        return value

    @property
    def metric_srid(self) -> int:
        """The number of the metric CRS."""
        return int(self.metric_crs.partition(":")[2])

    @property
    def webhook_targets(self) -> Sequence[IPv4Network | IPv6Network]:
        """The networks that webhooks may lead to though they are not public."""
        return [ip_network(word.strip()) for word in self.webhook_networks.split(",") if word.strip()]

    @property
    def files(self) -> Path:
        """The folder of large files of the model (rasters, originals of models), under ``home``."""
        return self.home / "files"


def read_settings() -> Settings:
    """Read the settings from the environment, and make the owner's coordinate systems known to this process.

    Raises
    ------
    InvalidSetting
        Naming the variable, its value and what would be right.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CIM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidSetting(f"{name}: {first['msg']}") from None
    settings = settings.model_copy(update={"home": settings.home.expanduser().absolute()})
    use_private_systems(
        settings.private_crs or settings.home / "private_crs.toml", is_required=settings.private_crs is not None
    )
    return settings
