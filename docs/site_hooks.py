"""What mkdocs does besides rendering docs/: pages of the API reference, and links into the repository.

The documentation links to files of the repository as they lie beside docs/. On the site a link to a module leads to
its place in the API reference, any other to a copy of the file.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTED = ("jepa_retrieval", "indexes")
LINK = re.compile(r"\]\(\.\./([^)#]+)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the reference to the navigation."""
    assert config.nav is not None
    config.nav.append({"API reference": [{package: _page(package)} for package in _packages()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the reference, and the files of the repository that pages link to."""
    for package, modules in _packages().items():
        content = f"# {package}\n\n" + "".join(f"::: {module}\n\n" for module in modules)
        files.append(File.generated(config, _page(package), content=content))
    for page in list(files.documentation_pages()):
        for target in LINK.findall(page.content_string):
            copy = f"repository/{target}"
            path = REPOSITORY / target
            if _module(target) is None and path.is_file() and files.get_file_from_path(copy) is None:
                files.append(File.generated(config, copy, content=path.read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links into the repository into links of the site."""

    def on_site(link: re.Match[str]) -> str:
        target = link.group(1)
        module = _module(target)
        if module is not None:
            return f"]({_page(_package_of(module))}#{module})"
        copy = f"repository/{target}"
        return f"]({copy})" if files.get_file_from_path(copy) is not None else link.group()

    return LINK.sub(on_site, markdown)


def _packages() -> dict[str, list[str]]:
    """The modules of each documented package, the package itself first."""
    found: dict[str, list[str]] = {}
    for name in DOCUMENTED:
        for path in sorted((REPOSITORY / name).rglob("*.py")):
            module = _dotted(path.relative_to(REPOSITORY))
            if not path.name.startswith("_") or path.name == "__init__.py":
                found.setdefault(_package_of(module), []).append(module)
    return found


def _module(target: str) -> str | None:
    """The documented module in a file of the repository."""
    path = Path(target)
    is_documented = path.suffix == ".py" and path.parts[0] in DOCUMENTED and (REPOSITORY / path).is_file()
    return _dotted(path) if is_documented else None


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _package_of(module: str) -> str:
    is_package = (REPOSITORY / Path(*module.split("."))).is_dir()
    return module if is_package else module.rpartition(".")[0]


def _page(package: str) -> str:
    return f"api/{package}.md"
