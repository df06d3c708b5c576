"""The tools for assistants, used by the official client over both transports."""

import io
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from PIL import Image

from tests.conftest import REPOSITORY
from tests.jepa_retrieval.serving.conftest import Running

TOOLS = {
    "search_moments", "find_similar", "ask_library", "view_moment", "read_transcript", "list_media", "index_status",
    "start_indexing", "get_job",
}  # fmt: skip


@asynccontextmanager
async def connected(transport: str, server: Running, library: Path) -> AsyncIterator[Client]:
    """A session of the official client."""
    if transport == "http":
        async with Client(f"{server.url}/mcp") as client:
            yield client
        return
    command = ["-m", "cli.main", "mcp", "--index", str(library)]
    parameters = StdioServerParameters(command=sys.executable, args=command, cwd=REPOSITORY)
    async with Client(stdio_client(parameters)) as client:
        yield client


async def call(client: Client, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    return result.structured_content


@pytest.mark.parametrize("transport", ["http", "stdio"])
def test_a_session(server: Running, library: Path, transport: str) -> None:
    async def session() -> None:
        async with connected(transport, server, library) as client:
            listed = await client.list_tools()
            assert {tool.name for tool in listed.tools} == TOOLS
            assert all(tool.description for tool in listed.tools)

            found = await call(client, "search_moments", query="a cat", top_k=3)
            cat = found["moments"][0]
            assert cat["path"] == "chelsea.png"

            alike = await call(client, "find_similar", clip_id=cat["clip_id"], top_k=1)
            assert alike["moments"][0]["clip_id"] == cat["clip_id"]

            files = await call(client, "list_media", filter="kind = 'video'")
            bikes = next(file for file in files["files"] if file["path"] == "bikes.mp4")
            for number, time in ((cat["media_id"], 0), (bikes["media_id"], 7.5)):
                seen = await client.call_tool("view_moment", {"media_id": number, "time": time})
                (picture,) = seen.content
                assert picture.mime_type == "image/jpeg"
                assert max(Image.open(io.BytesIO(decoded(picture.data))).size) > 256

            asked = await call(client, "ask_library", question="Is there a cat?", answer="yes", limit=2)
            assert len(asked["moments"]) == 2
            assert "yes" in asked["moments"][0]["answers"]

            status = await call(client, "index_status")
            assert status["indexes"][0]["name"] == "library"
            everything = json.dumps([found, files, asked, status])
            assert str(library) not in everything

    anyio.run(session)


def test_errors_say_what_is_wrong(server: Running, library: Path) -> None:
    async def session() -> None:
        async with connected("http", server, library) as client:
            for name, arguments, said in (
                ("search_moments", {"query": "a", "filter": "length > 3"}, "columns are"),
                ("view_moment", {"media_id": 999}, "no file with the number 999"),
                ("find_similar", {}, "exactly one of"),
                ("get_job", {"job_id": "none"}, "no such job"),
            ):
                result = await client.call_tool(name, arguments)
                assert result.is_error, name
                assert said in result.content[0].text
                assert str(library) not in result.content[0].text

    anyio.run(session)


def test_a_job_is_started_and_followed(server: Running, library: Path) -> None:
    async def session() -> None:
        async with connected("http", server, library) as client:
            job = await call(client, "start_indexing")
            with anyio.fail_after(120):
                while (await call(client, "get_job", job_id=job["id"]))["state"] in ("waiting", "running"):
                    await anyio.sleep(0.1)
            done = await call(client, "get_job", job_id=job["id"])
            assert done["state"] == "done"
            assert done["result"]["unchanged"] >= 6

    anyio.run(session)


def decoded(data: str) -> bytes:
    import base64

    return base64.b64decode(data)
