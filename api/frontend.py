"""Where the built viewer and the files of the API's page are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


@dataclass(frozen=True)
class Frontend:
    """Folders of static files: an installed package has them inside, a checkout beside."""

    viewer: tuple[Path, ...]
    swagger: tuple[Path, ...]

    def viewer_folder(self) -> Path | None:
        """Return the folder of the viewer's build, or None where it has not been built."""
        return next((folder for folder in self.viewer if (folder / "index.html").is_file()), None)

    def swagger_file(self, name: str) -> Path | None:
        """Return a file of swagger-ui, or None where it is not installed."""
        return next((folder / name for folder in self.swagger if (folder / name).is_file()), None)


def installed_frontend() -> Frontend:
    """Return the places where the build puts them."""
    web = HERE.parent / "web"
    viewer = (HERE / "static", web / "dist")
    swagger = (*(folder / "swagger" for folder in viewer), web / "node_modules" / "swagger-ui-dist")
    return Frontend(viewer, swagger)
