import { connect } from "node:net";
import { CodedError, messageOf } from "@chatcluster/foundation/errors";

/** Bounds of one answer. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 5_000;

/** Told about every command: its first two words, and `ok` or the error's code. */
export type CommandObserver = (verb: string, result: string) => void;

export interface RuntimeApiOptions {
  readonly socket: string;
  readonly timeoutMs?: number;
  readonly onCommand?: CommandObserver;
}

/** What `add server` gets: HAProxy management guide, "add server". */
export interface NewServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly id: number;
  readonly checkPort: number;
}

export type AdminState = "ready" | "drain" | "maint";

/**
 * HAProxy's runtime API on its UNIX socket (HAProxy management guide, chapter 9.3), one connection a command. HAProxy answers in free text and
 * with nothing on success, so each command knows the answers that it may get and takes every other for an error.
 *
 * Every method throws CodedError: `haproxy_unavailable` (no connection), `haproxy_timeout`, `haproxy_answer_too_long`, or
 * `haproxy_unexpected_answer`, which holds the answer.
 */
export class RuntimeApi {
  readonly #socket: string;
  readonly #timeoutMs: number;
  readonly #onCommand: CommandObserver;

  constructor({ socket, timeoutMs, onCommand }: RuntimeApiOptions) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#onCommand = onCommand ?? (() => undefined);
  }

  /** The text of `show servers state BACKEND`. */
  showServersState(backend: string): Promise<string> {
    return this.#expect(`show servers state ${word(backend)}`, (answer) => answer.startsWith("1\n"));
  }

  /** The text of `show servers conn BACKEND`. */
  showServersConnections(backend: string): Promise<string> {
    return this.#expect(`show servers conn ${word(backend)}`, (answer) => answer.startsWith("#"));
  }

  /** Adds a server, in maintenance and without checks. */
  async addServer(backend: string, { name, address, port, id, checkPort }: NewServer): Promise<void> {
    const target = address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
    // A new server takes nothing from a default-server line: all is said here. Two failed checks in a row and it is down.
    const settings = `id ${id} weight 100 check port ${checkPort} inter 1s fastinter 500ms downinter 1s fall 2 rise 1`;
    await this.#expect(
      `add server ${word(backend)}/${word(name)} ${word(target)} ${settings}`,
      (answer) => answer === "New server registered.",
    );
  }

  /** Begins the health checks of a server. */
  async enableHealth(backend: string, name: string): Promise<void> {
    await this.#expect(`enable health ${word(backend)}/${word(name)}`, isEmpty);
  }

  /** `drain` keeps open connections and takes no new ones; so does `maint`, which also ends the checks. */
  async setState(backend: string, name: string, state: AdminState): Promise<void> {
    await this.#expect(`set server ${word(backend)}/${word(name)} state ${state}`, isEmpty);
  }

  /** Ends every session of a server at once. */
  async shutdownSessions(backend: string, name: string): Promise<void> {
    await this.#expect(`shutdown sessions server ${word(backend)}/${word(name)}`, isEmpty);
  }

  /** Removes a server that is in maintenance. @returns whether it did: false while connections, idle ones too, are attached. */
  async deleteServer(backend: string, name: string): Promise<boolean> {
    const answer = await this.#expect(
      `del server ${word(backend)}/${word(name)}`,
      (text) => text === "Server deleted." || STILL_CONNECTED.test(text),
    );
    return !STILL_CONNECTED.test(answer);
  }

  /** Replaces a certificate and its key, which HAProxy loaded from `file`, for new connections; open ones stay. */
  async replaceCertificate(file: string, pem: string): Promise<void> {
    // An empty line would end the payload.
    const payload = pem.replaceAll(/\n\s*\n/g, "\n").trim();
    const name = path(file);
    const set = `set ssl cert ${name}`;
    await this.#expect(`${set} <<\n${payload}\n`, (answer) => /^Transaction (created|updated) for/.test(answer), set);
    try {
      await this.#expect(`commit ssl cert ${name}`, (answer) => answer.endsWith("Success!"));
    } catch (error) {
      await this.#expect(`abort ssl cert ${name}`, (answer) => answer.startsWith("Transaction aborted"));
      throw error;
    }
  }

  /** @param shown the command as errors show it: the whole of one may hold a key */
  async #expect(command: string, isExpected: (answer: string) => boolean, shown = command): Promise<string> {
    const verb = command.split(" ", 2).join(" ");
    try {
      const answer = (await this.#say(command)).trim();
      if (!isExpected(answer)) {
        const said = answer === "" ? "nothing" : `"${answer.slice(0, 300)}"`;
        throw new CodedError("haproxy_unexpected_answer", `HAProxy answered ${said} to "${shown}"`);
      }
      this.#onCommand(verb, "ok");
      return answer;
    } catch (error) {
      this.#onCommand(verb, error instanceof CodedError ? error.code : "error");
      throw error;
    }
  }

  #say(command: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const connection = connect(this.#socket);
    const chunks: Buffer[] = [];
    let length = 0;
    const fail = (code: string, problem: string, cause?: unknown) => {
      connection.destroy();
      reject(new CodedError(code, `runtime socket ${this.#socket}: ${problem}`, { cause }));
    };
    connection.setTimeout(this.#timeoutMs, () => fail("haproxy_timeout", `no answer in ${this.#timeoutMs} ms`));
    connection.on("error", (cause) => fail("haproxy_unavailable", messageOf(cause), cause));
    connection.on("data", (chunk) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_ANSWER_BYTES) fail("haproxy_answer_too_long", `an answer of over ${MAX_ANSWER_BYTES} bytes`);
    });
    connection.on("end", () => {
      connection.end();
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    connection.on("connect", () => connection.write(`${command}\n`));
    return promise;
  }
}

const STILL_CONNECTED = /still has (active |idle )?connections?/i;

function isEmpty(answer: string): boolean {
  return answer === "";
}

/** The path of a file as an argument. @throws CodedError `haproxy_invalid_argument` */
function path(text: string): string {
  if (/^[A-Za-z0-9_./-]+$/.test(text)) return text;
  throw new CodedError("haproxy_invalid_argument", `"${text.slice(0, 100)}" cannot be part of a command to HAProxy`);
}

/** One argument of a command. @throws CodedError `haproxy_invalid_argument`: a space, `;` or newline would begin another one. */
function word(text: string): string {
  if (/^[A-Za-z0-9_.:[\]-]+$/.test(text)) return text;
  throw new CodedError("haproxy_invalid_argument", `"${text.slice(0, 100)}" cannot be part of a command to HAProxy`);
}
