"""Two users have a conversation over WebSocket: a client of its own, written from PROTOCOL.md alone.

websocket_conversation.py URL1 TOKEN1 USER1 URL2 TOKEN2 USER2: the URLs may be of two servers. Ends with status 0 if all went as the protocol says.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

TIMEOUT = 20


class Client:
    """One connection: frames out with a counted id, answers by `re`, everything else in the order in which it came."""

    def __init__(self, socket):
        self.socket = socket
        self.events = []
        self.answers = {}
        self.changed = asyncio.Condition()
        self.next_id = 0
        self.reader = asyncio.create_task(self.read())

    @classmethod
    async def login(cls, url, token, device, positions=None):
        client = cls(await connect(url, additional_headers={"Authorization": f"Bearer {token}"}))
        extra = {} if positions is None else {"positions": positions}
        client.welcome = await client.ask("login", device={"id": device}, **extra)
        assert client.welcome["type"] == "welcome", client.welcome
        return client

    async def read(self):
        try:
            async for text in self.socket:
                frame = json.loads(text)
                async with self.changed:
                    if "re" in frame:
                        self.answers[frame["re"]] = frame
                    if "re" not in frame or frame["type"] == "resumed":
                        self.events.append(frame)
                    self.changed.notify_all()
        except ConnectionClosed:
            pass

    async def ask(self, type_, **fields):
        self.next_id += 1
        id_ = self.next_id
        await self.socket.send(json.dumps({"type": type_, "id": id_, **fields}))
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: id_ in self.answers), TIMEOUT)
        return self.answers.pop(id_)

    async def event(self, predicate):
        """Waits for the first event of which the predicate is true."""

        def found():
            return next((event for event in self.events if predicate(event)), None)

        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(lambda: found() is not None), TIMEOUT)
        return found()

    def messages(self):
        return [event for event in self.events if event["type"] == "message"]

    async def close(self):
        await self.socket.close()
        await self.reader


def is_message(text):
    return lambda event: event["type"] == "message" and event["message"]["text"] == text


def is_receipt(kind, up_to):
    return lambda event: (
        event["type"] == "receipt" and event["receipt"]["kind"] == kind and event["receipt"]["upTo"] >= up_to
    )


async def main(url1, token1, user1, url2, token2, user2):
    ada = await Client.login(url1, token1, "py-ada")
    bob = await Client.login(url2, token2, "py-bob")
    assert ada.welcome["userId"] == user1
    assert (await ada.ask("ping"))["type"] == "pong"

    # A direct conversation exists once for each pair.
    created = await ada.ask("create_conversation", clientId="c-1", kind="direct", memberIds=[user2])
    conversation = created["conversation"]["id"]
    again = await bob.ask("create_conversation", clientId="c-2", kind="direct", memberIds=[user1])
    assert again["conversation"]["id"] == conversation
    assert {member["userId"] for member in created["conversation"]["members"]} == {user1, user2}

    # Messages of both, in one order, with positions that count up by one.
    texts = []
    for number in range(5):
        for client, name in ((ada, "ada"), (bob, "bob")):
            text = f"{name} {number} \N{SNOWMAN} \N{GRINNING FACE}"
            sent = await client.ask("send", conversationId=conversation, clientId=f"{name}-{number}", text=text)
            assert sent["type"] == "sent", sent
            texts.append(text)
    for client in (ada, bob):
        await client.event(is_message(texts[-1]))
        got = client.messages()
        assert [event["message"]["text"] for event in got] == texts, got
        offsets = [event["position"]["offset"] for event in got]
        assert offsets == list(range(offsets[0], offsets[0] + len(texts))), offsets
        ids = [event["message"]["id"] for event in got]
        assert ids == sorted(ids)

    # A retry under the same name is the same message; another text under it is refused.
    first = ada.messages()[0]["message"]
    retried = await bob.ask("send", conversationId=conversation, clientId="bob-0", text=texts[1])
    assert retried["messageId"] == ada.messages()[1]["message"]["id"]
    refused = await ada.ask("send", conversationId=conversation, clientId="ada-0", text="another")
    assert (refused["type"], refused["code"]) == ("error", "invalid_frame"), refused

    # Receipts come back to the sender.
    last = ada.messages()[-2]["message"]["id"]
    assert (await bob.ask("receipt", conversationId=conversation, kind="delivered", upTo=last))["type"] == "ok"
    await ada.event(is_receipt("delivered", last))
    assert (await bob.ask("receipt", conversationId=conversation, kind="read", upTo=last))["type"] == "ok"
    await ada.event(is_receipt("read", last))

    # Away, and back with the position: what was missed follows, in order, once.
    position = bob.messages()[-1]["position"]
    await bob.close()
    missed = [f"missed {number}" for number in range(3)]
    for number, text in enumerate(missed):
        assert (await ada.ask("send", conversationId=conversation, clientId=f"m-{number}", text=text))["type"] == "sent"
    bob = await Client.login(url2, token2, "py-bob", {conversation: position})
    resumed = await bob.event(lambda event: event["type"] == "resumed")
    assert resumed["recovered"], resumed
    await bob.event(lambda event: is_message(missed[-1])(event) and "position" in event)
    by_position = {e["position"]["offset"]: e["message"]["text"] for e in bob.messages() if "position" in e}
    assert [by_position[offset] for offset in sorted(by_position)] == missed, bob.events

    # The history has everything, newest first, in pages.
    history, before = [], {}
    while True:
        page = await bob.ask("fetch_history", conversationId=conversation, limit=4, **before)
        assert page["type"] == "history", page
        history += page["messages"]
        if not page["more"]:
            break
        before = {"before": page["messages"][-1]["id"]}
    assert [message["text"] for message in reversed(history)] == texts + missed

    # Errors have a code, and the connection lives on.
    foreign = await bob.ask("send", conversationId="nobodys", clientId="x", text="x")
    assert (foreign["type"], foreign["code"]) == ("error", "conversation_not_found"), foreign
    unknown = await bob.ask("dance")
    assert unknown["code"] == "unknown_type", unknown
    assert (await bob.ask("ping"))["type"] == "pong"
    assert first["senderId"] == user1

    # Ten frames in a row that can't be read break the protocol, binary ones too.
    for _ in range(10):
        await bob.socket.send(b"\x00")
    await bob.reader
    assert bob.socket.close_code == 4400, bob.socket.close_code
    await ada.close()
    await refused_token(url1)


async def refused_token(url):
    """A wrong token: an `error` frame and close code 4401."""
    try:
        async with connect(url, additional_headers={"Authorization": "Bearer wrong"}) as socket:
            frame = json.loads(await asyncio.wait_for(socket.recv(), TIMEOUT))
            assert (frame["type"], frame["code"]) == ("error", "unauthenticated"), frame
            await asyncio.wait_for(socket.wait_closed(), TIMEOUT)
            assert socket.close_code == 4401, socket.close_code
    except InvalidStatus as refusal:
        raise AssertionError("refused as HTTP, not by a close code") from refusal


asyncio.run(main(*sys.argv[1:]))
print("ok")
