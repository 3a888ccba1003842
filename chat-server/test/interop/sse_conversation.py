"""Two users have a conversation over server-sent events and requests: a client of its own, written from PROTOCOL.md alone.

sse_conversation.py URL1 TOKEN1 USER1 URL2 TOKEN2 USER2 EXPIRING_TOKEN1: the URLs, as http://HOST:PORT, may be of two servers; the last token is the
first user's too, and runs out within seconds. Ends with status 0 if all went as the protocol says.
"""

import asyncio
import json
import sys

import httpx
from httpx_sse import EventSource

TIMEOUT = 20
JSON = "application/json"
NDJSON = "application/x-ndjson"


class Api:
    """Requests of one user; each names the server that it goes to."""

    def __init__(self, http, token):
        self.http = http
        self.token = token
        self.next_id = 0

    def headers(self, **more):
        return {"Authorization": f"Bearer {self.token}", **more}

    def frame(self, type_, **fields):
        self.next_id += 1
        return {"type": type_, "id": self.next_id, **fields}

    async def post(self, url, frame, path="/frames", content_type=JSON):
        """One frame; the response as it is."""
        body = frame if isinstance(frame, str) else json.dumps(frame)
        return await self.http.post(f"{url}{path}", content=body, headers=self.headers(**{"Content-Type": content_type}))

    async def ask(self, url, type_, **fields):
        """One frame that must succeed; its answer."""
        frame = self.frame(type_, **fields)
        response = await self.post(url, frame)
        assert response.status_code == 200, response.text
        assert response.json()["re"] == frame["id"], response.text
        return response.json()

    async def ask_several(self, url, frames):
        """Frames as lines; the answers in the order in which they came."""
        response = await self.post(url, "\n".join(json.dumps(frame) for frame in frames), content_type=NDJSON)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith(NDJSON), response.headers
        return [json.loads(line) for line in response.text.splitlines() if line]


class Stream:
    """One stream: its frames in the order in which they came, and the last event id."""

    def __init__(self, response):
        self.response = response
        self.frames = []
        self.last_id = ""
        self.end = None
        self.ended = False
        self.changed = asyncio.Condition()
        self.reader = asyncio.create_task(self.read())

    @classmethod
    async def by_login(cls, api, url, device, **more):
        """POST with a login frame, for a client that keeps its positions."""
        login = api.frame("login", device={"id": device}, **more)
        headers = api.headers(**{"Content-Type": JSON, "Accept": "text/event-stream"})
        return await cls.begin(api.http.build_request("POST", f"{url}/events", json=login, headers=headers), api.http)

    @classmethod
    async def by_event_source(cls, api, url, device, last_id=None):
        """GET, as an EventSource does it: no headers but its own, the token in the query."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        query = {"device": device, "token": api.token}
        request = api.http.build_request("GET", f"{url}/events", params=query, headers=headers)
        return await cls.begin(request, api.http)

    @classmethod
    async def begin(cls, request, http):
        response = await http.send(request, stream=True)
        if response.status_code != 200:
            raise AssertionError((response.status_code, await response.aread()))
        stream = cls(response)
        welcome = await stream.event(lambda frame: frame["type"] == "welcome")
        assert stream.frames[0] is welcome, stream.frames
        stream.welcome = welcome
        return stream

    async def read(self):
        try:
            async for event in EventSource(self.response).aiter_sse():
                async with self.changed:
                    self.last_id = event.id or self.last_id
                    if event.event == "close":
                        self.end = json.loads(event.data)
                    elif event.data:
                        self.frames.append(json.loads(event.data))
                    self.changed.notify_all()
        except (httpx.StreamError, httpx.TransportError):
            pass
        async with self.changed:
            self.ended = True
            self.changed.notify_all()

    async def until(self, condition):
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), TIMEOUT)

    async def event(self, predicate):
        """Waits for the first frame of which the predicate is true."""

        def found():
            return next((frame for frame in self.frames if predicate(frame)), None)

        await self.until(lambda: found() is not None)
        return found()

    def messages(self):
        return [frame for frame in self.frames if frame["type"] == "message"]

    def live(self):
        """Those with a place in the log: the offline list may repeat what the log has, without a position."""
        return [frame for frame in self.messages() if "position" in frame]

    async def cut(self):
        self.reader.cancel()
        await asyncio.gather(self.reader, return_exceptions=True)
        await self.response.aclose()


def is_message(text):
    return lambda frame: frame["type"] == "message" and frame["message"]["text"] == text


def is_live(text):
    return lambda frame: is_message(text)(frame) and "position" in frame


def is_receipt(kind, up_to):
    return lambda frame: (
        frame["type"] == "receipt" and frame["receipt"]["kind"] == kind and frame["receipt"]["upTo"] >= up_to
    )


def texts(frames):
    return [frame["message"]["text"] for frame in frames]


async def main(url1, token1, user1, url2, token2, user2, expiring1):
    # Each stream keeps a connection of its own, and a request may wait for its answer.
    async with httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT, read=60)) as http:
        expiring = asyncio.create_task(closing(http, expiring1, url2))
        ada, bob = Api(http, token1), Api(http, token2)
        ada_stream = await Stream.by_login(ada, url1, "py-ada")
        bob_stream = await Stream.by_event_source(bob, url2, "py-bob")
        assert ada_stream.welcome["userId"] == user1
        assert bob_stream.welcome["userId"] == user2
        conversation = await converse(ada, ada_stream, bob, bob_stream, (url1, url2), (user1, user2))
        bob_stream = await resume_elsewhere(ada, bob, bob_stream, (url1, url2), conversation)
        await offline_list(ada, bob, bob_stream, (url1, url2), conversation)
        await refusals(ada, bob, url1, conversation)
        await expiring
        await ada_stream.cut()


async def converse(ada, ada_stream, bob, bob_stream, urls, users):
    url1, url2 = urls
    # No request is bound to a server: Ada's stream is at the one, what she asks for goes to the other.
    assert (await ada.ask(url2, "ping"))["type"] == "pong"
    created = await ada.ask(url2, "create_conversation", clientId="sse-1", kind="direct", memberIds=[users[1]])
    conversation = created["conversation"]["id"]
    for stream in (ada_stream, bob_stream):
        added = await stream.event(lambda frame: frame["type"] == "conversation_added")
        assert added["conversation"]["id"] == conversation

    # Single frames by turns, then lines: all in one order, with positions that count up by one.
    expected = []
    for number in range(4):
        for api, url, name in ((ada, url1, "ada"), (bob, url1, "bob")):
            text = f"{name} {number} \N{SNOWMAN} \N{GRINNING FACE}"
            sent = await api.ask(url, "send", conversationId=conversation, clientId=f"{name}-{number}", text=text)
            assert sent["type"] == "sent", sent
            expected.append(text)
    lines = [f"line-{number}" for number in range(20)]
    sends = [ada.frame("send", conversationId=conversation, clientId=text, text=text) for text in lines]
    answers = await ada.ask_several(url2, sends)
    assert {answer["re"]: answer["type"] for answer in answers} == {frame["id"]: "sent" for frame in sends}, answers
    expected += lines
    for stream in (ada_stream, bob_stream):
        await stream.event(is_live(expected[-1]))
        got = stream.live()
        assert texts(got) == expected, got
        offsets = [frame["position"]["offset"] for frame in got]
        assert offsets == list(range(offsets[0], offsets[0] + len(expected))), offsets
        ids = [frame["message"]["id"] for frame in got]
        assert ids == sorted(ids)

    # A retry under the same name is the same message, on whichever server.
    retried = await bob.ask(url2, "send", conversationId=conversation, clientId="bob-0", text=expected[1])
    assert retried["messageId"] == bob_stream.live()[1]["message"]["id"]

    # Receipts come back to the sender's stream.
    last = bob_stream.live()[-1]["message"]["id"]
    for kind in ("delivered", "read"):
        assert (await bob.ask(url1, "receipt", conversationId=conversation, kind=kind, upTo=last))["type"] == "ok"
        await ada_stream.event(is_receipt(kind, last))
    return conversation


async def resume_elsewhere(ada, bob, bob_stream, urls, conversation):
    """The stream is cut; with its last event id the other server goes on from there."""
    url1, url2 = urls
    last_id = bob_stream.last_id
    assert last_id, "no event had an id"
    before = len(bob_stream.live())
    await bob_stream.cut()
    missed = [f"missed-{number}" for number in range(3)]
    for text in missed:
        await ada.ask(url1, "send", conversationId=conversation, clientId=text, text=text)
    stream = await Stream.by_event_source(bob, url1, "py-bob", last_id)
    resumed = await stream.event(lambda frame: frame["type"] == "resumed")
    assert (resumed["conversationId"], resumed["recovered"]) == (conversation, True), resumed
    await ada.ask(url2, "send", conversationId=conversation, clientId="after", text="after")
    await stream.event(is_live("after"))
    assert texts(stream.live()) == [*missed, "after"], stream.frames
    first = stream.live()[0]["position"]["offset"]
    assert first == bob_stream.live()[before - 1]["position"]["offset"] + 1, "resumed where it was cut"

    # The same by a frame: `resume` has several answers, so it is sent as a line.
    position = bob_stream.live()[-1]["position"]
    resume = bob.frame("resume", conversationId=conversation, position=position)
    answers = await bob.ask_several(url2, [resume])
    assert (answers[0]["type"], answers[0]["re"]) == ("resumed", resume["id"]), answers
    assert texts(answers[1:]) == [*missed, "after"], answers

    # A login in a body, with the position: from there as well.
    other = await Stream.by_login(bob, url2, "py-bob-2", positions={conversation: position})
    await other.event(is_live("after"))
    assert texts(other.live()) == [*missed, "after"], other.frames
    # Before it is cut: what a connection that died had not acknowledged may come onto the offline list after a later receipt.
    up_to = other.live()[-1]["message"]["id"]
    await bob.ask(url2, "receipt", conversationId=conversation, kind="delivered", upTo=up_to)
    await other.cut()
    return stream


async def offline_list(ada, bob, bob_stream, urls, conversation):
    """What came while the user had no connection, to a device that brings no position; until it is acknowledged."""
    url1, url2 = urls
    up_to = bob_stream.live()[-1]["message"]["id"]
    await bob.ask(url2, "receipt", conversationId=conversation, kind="delivered", upTo=up_to)
    await bob_stream.cut()
    waiting = [f"waiting-{number}" for number in range(3)]
    for text in waiting:
        await ada.ask(url1, "send", conversationId=conversation, clientId=text, text=text)

    def flushed(stream):
        """Each message of the list once, by id: the protocol lets them come more than once."""
        found = {frame["message"]["id"]: frame for frame in stream.messages() if "position" not in frame}
        return [found[id_] for id_ in sorted(found)]

    for url in (url2, url1):
        stream = await Stream.by_event_source(bob, url, "py-bob-new")
        await stream.until(lambda: texts(flushed(stream))[-3:] == waiting)
        assert texts(flushed(stream)) == waiting, ("acknowledged before, and there again", up_to, stream.frames)
        await stream.cut()
    last = flushed(stream)[-1]["message"]["id"]
    await bob.ask(url2, "receipt", conversationId=conversation, kind="delivered", upTo=last)
    stream = await Stream.by_event_source(bob, url2, "py-bob-new")
    await ada.ask(url1, "send", conversationId=conversation, clientId="live-again", text="live-again")
    await stream.event(is_live("live-again"))
    assert flushed(stream) == [], "acknowledged, and there again"

    # The history has everything, newest first.
    page = await bob.ask(url1, "fetch_history", conversationId=conversation, limit=4)
    assert [message["text"] for message in reversed(page["messages"])] == [*waiting, "live-again"], page
    assert page["more"]
    await stream.cut()


async def refusals(ada, bob, url, conversation):
    """Each with its status, its code and a text."""

    def refused(response, status, code):
        assert response.status_code == status, (response.status_code, response.text)
        assert response.json()["code"] == code, response.text
        assert response.json()["message"], response.text

    def send(**fields):
        return bob.frame("send", **{"conversationId": conversation, "clientId": "x", "text": "x", **fields})

    stranger = Api(bob.http, "wrong")
    refused(await stranger.post(url, send()), 401, "unauthenticated")
    refused(await bob.http.get(f"{url}/events?device=d&token=wrong"), 401, "unauthenticated")
    refused(await bob.post(url, send(conversationId="nobodys")), 404, "conversation_not_found")
    refused(await bob.post(url, "{"), 400, "malformed_frame")
    refused(await bob.post(url, bob.frame("dance")), 400, "unknown_type")
    refused(await bob.post(url, send(more=1)), 400, "invalid_frame")
    refused(await bob.post(url, send(clientId="bob-0", text="another")), 400, "invalid_frame")
    refused(await bob.post(url, send(text="x" * 16_385)), 413, "message_too_long")
    refused(await bob.post(url, bob.frame("login", device={"id": "d"})), 409, "already_logged_in")
    refused(await bob.post(url, bob.frame("ping"), path="/events"), 409, "login_required")
    refused(await bob.post(url, bob.frame("ping"), content_type="text/plain"), 415, "malformed_frame")
    position = {"epoch": "e", "offset": 0}
    resume = bob.frame("resume", conversationId=conversation, position=position)
    refused(await bob.post(url, resume), 400, "invalid_frame")
    pings = "\n".join(json.dumps(bob.frame("ping")) for _ in range(101))
    refused(await bob.post(url, pings, content_type=NDJSON), 400, "invalid_frame")
    refused(await bob.http.get(f"{url}/events", headers=bob.headers()), 400, "invalid_frame")
    by_id = bob.headers(**{"Last-Event-ID": "so:what"})
    refused(await bob.http.get(f"{url}/events?device=d", headers=by_id), 400, "invalid_frame")

    # Among lines a bad one spoils only itself.
    answers = await ada.ask_several(url, [ada.frame("ping"), {"type": "dance", "id": 1_000}, ada.frame("ping")])
    by_type = sorted(answer["type"] for answer in answers)
    assert by_type == ["error", "pong", "pong"], answers
    error = next(answer for answer in answers if answer["type"] == "error")
    assert (error["re"], error["code"]) == (1_000, "unknown_type"), error


async def closing(http, token, url):
    """The token runs out: the event `close` is the last one, and the stream ends."""
    stream = await Stream.by_event_source(Api(http, token), url, "py-expiring")
    await stream.until(lambda: stream.ended)
    assert stream.end is not None and stream.end["code"] == 4401, stream.end
    assert isinstance(stream.end["reason"], str)
    await stream.response.aclose()


asyncio.run(main(*sys.argv[1:]))
print("ok")
