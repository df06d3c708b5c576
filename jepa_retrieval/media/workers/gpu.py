"""One video decoded on a GPU by this process, after a worker process has read its packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from indexes.reasons import first_line
from jepa_retrieval.errors import MediaError
from jepa_retrieval.media.decoders import resolve_decoder
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.reasons import check_regular_file
from jepa_retrieval.media.types import CallRequest, Decoded, DecodeRequest, Event, Failed, Finished, Probed
from jepa_retrieval.media.workers.process import WorkerProcess
from jepa_retrieval.source_paths import is_ordinary


def is_for_gpu(request: DecodeRequest) -> bool:
    """Whether a request asks for a GPU, and is of a video that TorchCodec can open."""
    if resolve_decoder(request.decoder) != "nvdec" or not is_ordinary(request.path):
        return False
    try:
        return reader_of(request.path) == "video"
    except MediaError:  # the worker says what is wrong with it
        return False


def worker_request(request: DecodeRequest) -> DecodeRequest:
    """The request as a worker is asked: workers have no GPU."""
    return replace(request, decoder="pyav") if resolve_decoder(request.decoder) == "nvdec" else request


def decoded_on_gpu(request: DecodeRequest, worker: WorkerProcess, device: str) -> Iterator[Event | str]:
    """Yield the events of a video whose frames are decoded on `device`, or at any point why they cannot be, and end.

    A crash or a hang of the worker is an error, as elsewhere: nothing has been opened in this process then.

    Raises:
        EOFError: the worker has ended.
        OSError: likewise.
    """
    from jepa_retrieval.media.gpu.planning import FramePlan, plan_frames

    worker.send(CallRequest(plan_frames, request.path, (request,)))
    plan = _answer(worker)
    if not isinstance(plan, FramePlan):
        yield str(plan)
        return
    yield Probed(request, plan.info)
    from jepa_retrieval.media.gpu.reading import read_on_gpu

    windows = read_on_gpu(plan, request, device)
    while True:
        try:
            window = next(windows, None)
        except Exception as error:  # TorchCodec and PyTorch raise errors of many kinds
            yield first_line(error)
            return
        if window is None:
            break
        yield Decoded(request, [window])
    try:
        is_as_before = check_regular_file(request.path) == plan.status
    except MediaError:
        is_as_before = False
    if not is_as_before:
        yield Failed(request, "was changed while it was read")
        return
    report = plan.report
    partial = "; ".join(report.partial) or None
    yield Finished(request, plan.content_hash, report.duration, tuple(report.warnings), partial)


def _answer(worker: WorkerProcess) -> object:
    """The result of the worker's function; nothing to say, "", of an error, which the worker will meet again."""
    while True:
        for kind, *values in worker.receive():
            if kind == "ready":
                worker.ready = True
            else:
                return values[0] if kind == "result" else ""
