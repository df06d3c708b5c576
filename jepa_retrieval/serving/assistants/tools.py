"""The tools. They answer with numbers, times and small pictures; never with videos, nor with absolute paths."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated, Any, ParamSpec, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field, ValidationError

from jepa_retrieval.errors import JepaError
from jepa_retrieval.serving.assistants.answers import AnsweredMoments, FoundMoments, ListedFiles, Status
from jepa_retrieval.serving.problems import ProblemError, problem_of
from jepa_retrieval.serving.routes.jobs import start_job
from jepa_retrieval.serving.routes.media import get_transcript, list_media, moment_picture
from jepa_retrieval.serving.routes.search import find
from jepa_retrieval.serving.routes.system import list_indexes
from jepa_retrieval.serving.routes.tasks import answer_question
from jepa_retrieval.serving.schemas.jobs import IndexJobRequest, JobItem
from jepa_retrieval.serving.schemas.media import Transcript
from jepa_retrieval.serving.schemas.search import SearchRequest, Term
from jepa_retrieval.serving.schemas.tasks import AskRequest
from jepa_retrieval.serving.services import Services

INSTRUCTIONS = """Search, question and look at the user's own videos and photographs.

search_moments finds moments by what they show, and by what is said and written in them. If it answers with a verdict,
nothing of the kind is probably there. view_moment shows a picture of a moment: look before you describe one.
read_transcript tells what is said. Files are named by media_id, clips by clip_id."""

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)

Filter = Annotated[
    str | None, Field(description="SQL condition, such as \"duration > 60 and path like '%2024%'\".")
]
P = ParamSpec("P")
R = TypeVar("R")


def build_server(services: Services) -> MCPServer[Any]:
    """The server of the tools, over the indexes of `services`."""
    server: MCPServer[Any] = MCPServer(
        "jepa-retrieval", instructions=INSTRUCTIONS, version=version("jepa-retrieval"), log_level="ERROR"
    )
    tools = Tools(services)
    for function in (
        tools.search_moments,
        tools.find_similar,
        tools.ask_library,
        tools.list_media,
        tools.read_transcript,
        tools.index_status,
        tools.get_job,
    ):
        server.add_tool(tools.told(function), annotations=_READS)
    server.add_tool(tools.told(tools.view_moment), annotations=_READS, structured_output=False)
    server.add_tool(tools.told(tools.start_indexing), annotations=_WRITES)
    return server


class Tools:
    """What an assistant can do."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def told(self, function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        """The same with errors as the assistant is to read them."""

        @functools.wraps(function)
        async def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return await function(*args, **kwargs)
            except ProblemError as problem:
                raise ToolError(self._services.hide_paths(problem.detail)) from None
            except JepaError as error:
                raise ToolError(self._services.hide_paths(problem_of(error).detail)) from None
            except ValidationError as error:
                first = error.errors()[0]
                raise ToolError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None

        return wrapped

    async def search_moments(
        self,
        query: Annotated[
            str,
            Field(description="What it shows, as a caption would say it, or words that are said or written."),
        ],
        top_k: Annotated[int, Field(ge=1, le=100)] = 10,
        filter: Filter = None,
        min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0,
        cursor: Annotated[str | None, Field(description="next_cursor of the page before.")] = None,
    ) -> FoundMoments:
        """Find moments in videos, and photographs, by what they show, and what is said and written in them."""
        request = SearchRequest(
            query=query, top_k=top_k, filter=filter, min_confidence=min_confidence, cursor=cursor
        )
        return FoundMoments.of(await find(request, self._services))

    async def find_similar(
        self,
        clip_id: Annotated[int | None, Field(description="A moment that was found.")] = None,
        media_id: Annotated[int | None, Field(description="Or a file, from start to end.")] = None,
        start: float | None = None,
        end: float | None = None,
        more_text: Annotated[str | None, Field(description="What it should also show.")] = None,
        less_text: Annotated[str | None, Field(description="What it should not show.")] = None,
        top_k: Annotated[int, Field(ge=1, le=100)] = 10,
    ) -> FoundMoments:
        """Find moments that resemble a moment or a file."""
        terms = [Term(clip_id=clip_id, media_id=media_id, start=start, end=end)]
        terms += [Term(text=more_text)] if more_text else []
        terms += [Term(text=less_text, weight=-1.0)] if less_text else []
        return FoundMoments.of(await find(SearchRequest(query=terms, top_k=top_k), self._services))

    async def ask_library(
        self,
        question: Annotated[
            str, Field(description="About what is seen: 'Is there a dog?', 'What is the man doing?'")
        ],
        about: Annotated[
            str | None, Field(description="Ask only about the 100 clips nearest to this text; advisable.")
        ] = None,
        media_id: Annotated[int | None, Field(description="Ask only about this file.")] = None,
        answer: Annotated[str | None, Field(description="Order by this answer, such as 'yes'.")] = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> AnsweredMoments:
        """Answer a question for each moment, from what was stored when it was indexed."""
        request = AskRequest(question=question, search=about, media_id=media_id, answer=answer, limit=limit)
        return AnsweredMoments.of(await answer_question(request, self._services))

    async def view_moment(
        self, media_id: int, time: Annotated[float, Field(ge=0, description="Seconds.")] = 0.0
    ) -> Image:
        """A picture of a video at a time, or of a photograph; 512 pixels."""
        picture = await moment_picture(media_id, time, self._services)
        return Image(data=picture, format="jpeg")

    async def read_transcript(
        self,
        media_id: int,
        start: Annotated[float, Field(ge=0, description="Seconds.")] = 0.0,
        end: Annotated[float | None, Field(gt=0, description="Read long files in parts.")] = None,
    ) -> Transcript:
        """What is said in a video or an audio file, line by line with times."""
        return await get_transcript(media_id, self._services, start, end)

    async def list_media(
        self,
        filter: Filter = None,
        state: Annotated[str | None, Field(pattern="^(ok|partial|failed)$")] = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 50,
        cursor: str | None = None,
    ) -> ListedFiles:
        """The indexed files, a page at a time; failed and partial ones say why."""
        page = await list_media(self._services, limit, filter, state, None, cursor)  # type: ignore[arg-type]
        return ListedFiles.of(page.data, page.next_cursor)

    async def index_status(self) -> Status:
        """Which indexes there are, and how many files and clips they have."""
        found = await list_indexes(self._services)
        return Status(indexes=found.data, may_start_indexing=not found.read_only)

    async def start_indexing(
        self,
        index: Annotated[
            str | None, Field(description="A name of index_status, if there are several.")
        ] = None,
        speech: Annotated[
            bool | None, Field(description="Also what is said; by default if the index has speech.")
        ] = None,
        writing: Annotated[
            bool | None, Field(description="Also what is written; by default if the index has writing.")
        ] = None,
    ) -> JobItem:
        """Bring an index up to date with its folder. Do this only when the user asks for it."""
        options = IndexJobRequest(speech=speech, writing=writing).model_dump(exclude={"index"})
        return start_job("index", index, options, self._services).item()

    async def get_job(self, job_id: str) -> JobItem:
        """How far an indexing job is."""
        return self._services.jobs.get(job_id).item()
