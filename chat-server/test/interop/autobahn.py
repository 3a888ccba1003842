"""Runs Autobahn cases, by kosoku, against a WebSocket server at ADDRESS: autobahn.py ADDRESS INCLUDE EXCLUDE (JSON lists of patterns).

Prints one JSON list: of each case its id, whether it passed, what kosoku called its behaviour and the server's close code.
"""

import asyncio
import json
import os
import sys

from kosoku import FailureError, run_fuzzingclient


async def main() -> None:
    address, include, exclude = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
    try:
        results = await run_fuzzingclient(address, include, exclude, concurrency=4)
    except FailureError as failure:
        results = failure.results
    rows = [
        {
            "id": result.case_id,
            "passed": result.passed,
            "behavior": str(result.behavior).rpartition(".")[2],
            "closeCode": result.remote_close_code,
        }
        for result in results
    ]
    print(json.dumps(rows), flush=True)
    # kosoku's native part sometimes aborts while the interpreter is taken down, long after the last case.
    os._exit(0)


asyncio.run(main())
