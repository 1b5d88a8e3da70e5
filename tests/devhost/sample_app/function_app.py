"""An app with every trigger the devhost runs. What its functions see they append to the file in SAMPLE_LOG."""

import asyncio
import json
import os
import threading
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()
_together: list[asyncio.Event] = []


def record(function: str, **seen: object) -> None:
    with Path(os.environ["SAMPLE_LOG"]).open("a") as log:
        log.write(json.dumps({"function": function, **seen}) + "\n")


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_TICK%")
async def tick(timer: func.TimerRequest) -> None:
    record("tick", past_due=timer.past_due)
    raise ValueError("ticks never work")


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *")
async def nightly(timer: func.TimerRequest) -> None:
    record("nightly", past_due=timer.past_due, status=getattr(timer, "schedule_status", None))


@app.timer_trigger(arg_name="timer", schedule="0 0 4 * * *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:
    record("at_start", past_due=timer.past_due)


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
async def work(message: func.QueueMessage, context: func.Context) -> None:
    body = message.get_body()
    record(
        "work",
        body=body.decode(errors="replace"),
        id=message.id,
        attempt=message.dequeue_count,
        inserted=str(message.insertion_time),
        invocation=context.invocation_id,
        thread=threading.get_ident(),
    )
    match body.split():
        case [b"fail", *_]:
            raise ValueError("this message\nnever works")
        case [b"meet", count, *_]:
            await _meet(int(count))
            record("met")
        case [b"sleep", seconds, *_]:
            await asyncio.sleep(float(seconds))
            record("slept")
        case _:
            pass


async def _meet(count: int) -> None:
    """Go on when *count* calls are here at the same time."""
    mine = asyncio.Event()
    _together.append(mine)
    if len(_together) == count:
        for event in _together:
            event.set()
        _together.clear()
    await mine.wait()


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%-threads", connection="AzureWebJobsStorage")
def work_in_a_thread(message: func.QueueMessage) -> None:
    record("work_in_a_thread", body=message.get_body().decode(), thread=threading.get_ident())


@app.route("{*path}", auth_level=func.AuthLevel.ANONYMOUS)
async def web(req: func.HttpRequest) -> func.HttpResponse:
    match req.route_params.get("path", "").split("/"):
        case ["things", number]:
            return _thing(req, number)
        case ["cookie"]:
            response = func.HttpResponse(status_code=204)
            response.headers.add("Set-Cookie", f"method={req.method}; HttpOnly; Max-Age=60")
            return response
        case ["loop"]:
            return type(asyncio.get_running_loop()).__module__  # type: ignore[return-value]
        case ["raises"]:
            raise ValueError(req.method)
        case ["returns_a_dict"]:
            return {"method": req.method}  # type: ignore[return-value]
        case path:
            return f"path {'/'.join(path)}"  # type: ignore[return-value]


def _thing(req: func.HttpRequest, number: str) -> func.HttpResponse:
    seen = {
        "id": number,
        "url": req.url,
        "params": dict(req.params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(seen), status_code=201, mimetype="application/json", headers={"X-Made": "yes"})
