import type { Login, Position, Welcome } from "@chatcluster/protocol";
import { CloseCode, ErrorCode, mayReconnect } from "@chatcluster/protocol/codes";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import { Connection, type EventFrame } from "./connection.ts";
import { abortable } from "./delay.ts";
import { ChatError, ClientErrorCode, isRetryable } from "./errors.ts";
import type { Transport } from "./transport.ts";
import { TransportLadder } from "./transport-ladder.ts";

/** The JWT itself, or a function that gets a fresh one before each connection. */
export type TokenSource = string | ((options: { signal: AbortSignal }) => string | Promise<string>);

export interface SupervisorOptions {
  readonly url: string;
  readonly token: TokenSource;
  readonly device: Login["device"];
  /** The best one first. */
  readonly transports: readonly Transport[];
  /** After how long on a lower transport the better ones are tried again, in milliseconds. */
  readonly climbAfterMs: number;
  readonly backoff: BackoffOptions;
  /** A connection that lived this long, in milliseconds, begins the back-off anew. */
  readonly stableAfterMs: number;
  readonly requestTimeoutMs: number;
}

/** What a login says of the conversations that the client knows; `complete` if those are all of the user's that it has heard of. */
export interface Progress {
  readonly positions: Record<string, Position>;
  readonly complete: boolean;
}

export interface SupervisorHooks {
  /** How far the client has come, called right before each login. */
  progress(): Progress;
  onConnected(welcome: Welcome, positions: Record<string, Position>, transport: Transport): void;
  onEvent(frame: EventFrame): void;
  /** The connection in use ended. `retryInMs` is absent if the client does not come back. */
  onDisconnected(end: { code: number; reason: string; retryInMs?: number }): void;
  onError(error: ChatError): void;
  /** The client does not come back. */
  onRefused(error: ChatError): void;
}

/** Why an attempt to connect failed, and with which code, if there was one. */
interface Failure {
  error: unknown;
  closeCode: number | undefined;
}

/** Closed by no server: by the network between, or by nobody, and the pings went unanswered. */
const isCut = (code: number) => code === 1006 || code === CloseCode.PongTimeout;

/** Whether a network that does not let the transport through would look like this. A server that answers is none. */
const isHeldBack = ({ code }: ChatError, closeCode: number | undefined) =>
  code === ClientErrorCode.Timeout ||
  code === ClientErrorCode.ProtocolError ||
  (code === ClientErrorCode.ConnectionLost && (closeCode === undefined || isCut(closeCode)));

/** How long a connection that has been replaced may wait for its last answers, in milliseconds. */
const RETIRE_MS = 5_000;

/** Keeps one connection up: connects, logs in, comes back after a loss, and moves to another server when the present one drains. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #hooks: SupervisorHooks;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  readonly #ladder: TransportLadder;
  readonly #all = new Set<Connection>();
  #active: Connection | undefined;
  #connectedAt = 0;
  #attempting = false;
  /** The connection in use drains: the next one replaces it. */
  #moving = false;
  /** A provided token was refused, and the next one has not been accepted yet. */
  #tokenRefused = false;
  #stopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #climbTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SupervisorOptions, hooks: SupervisorHooks, signal: AbortSignal) {
    this.#options = options;
    this.#hooks = hooks;
    this.#signal = signal;
    this.#backoff = new Backoff(options.backoff);
    this.#ladder = new TransportLadder(options.transports, options.climbAfterMs);
    signal.addEventListener("abort", () => this.#stop());
  }

  /** The connection in use. */
  get connection(): Connection | undefined {
    return this.#active;
  }

  start(): void {
    void this.#attempt();
  }

  async #attempt(): Promise<void> {
    if (this.#attempting || this.#stopped) return;
    this.#attempting = true;
    const failure = await this.#connect(this.#ladder.current);
    if (!failure) return;
    this.#attempting = false;
    this.#onFailed(failure);
  }

  /** Tries the better transports while the present connection goes on; the one that works takes its place. */
  async #climb(): Promise<void> {
    if (this.#attempting || this.#stopped || !this.#active) return;
    this.#attempting = true;
    for (const transport of this.#ladder.above) {
      const failure = await this.#connect(transport);
      if (!failure) return;
      if (!this.#active || this.#moving || this.#stopped) break;
    }
    this.#attempting = false;
    this.#scheduleClimb(this.#ladder.stayed());
    // What was left to this attempt meanwhile.
    if (!this.#active) this.#retry(undefined);
    else if (this.#moving) this.#schedule(0);
  }

  /** Connects and logs in. Resolves with what went wrong, if something did. */
  async #connect(transport: Transport): Promise<Failure | undefined> {
    let closeCode: number | undefined;
    try {
      const token = await this.#token();
      const { url, requestTimeoutMs, device } = this.#options;
      let positions: Record<string, Position> = {};
      const connection: Connection = new Connection(transport, { url, token }, requestTimeoutMs, {
        onWelcome: (welcome) => {
          // The same one again, at another server, which knows of the conversations what the client knew.
          if (connection === this.#active)
            this.#hooks.onConnected(welcome, this.#hooks.progress().positions, transport);
          else this.#adopt(connection, welcome, positions, transport);
        },
        onEvent: (frame) => this.#onEvent(connection, frame),
        onClose: (code, reason) => {
          closeCode = code;
          this.#all.delete(connection);
          if (connection === this.#active) this.#onLost(code, reason);
        },
      });
      this.#all.add(connection);
      try {
        await connection.login(() => {
          const progress = this.#hooks.progress();
          positions = progress.positions;
          return { device, positions, ...(progress.complete && { complete: true }) };
        });
        return undefined;
      } catch (error) {
        connection.close(1000, "login failed");
        throw error;
      }
    } catch (error) {
      return { error, closeCode };
    }
  }

  #adopt(connection: Connection, welcome: Welcome, positions: Record<string, Position>, transport: Transport): void {
    this.#attempting = false;
    this.#tokenRefused = false;
    const old = this.#active;
    this.#active = connection;
    this.#connectedAt = Date.now();
    this.#moving = false;
    old?.retire(RETIRE_MS);
    this.#scheduleClimb(this.#ladder.connected(transport));
    this.#hooks.onConnected(welcome, positions, transport);
  }

  #onEvent(connection: Connection, frame: EventFrame): void {
    if (frame.type !== "drain") this.#hooks.onEvent(frame);
    // One drain moves once. A connection that is not in use yet is told again, or closed.
    else if (connection === this.#active && !this.#moving) {
      this.#moving = true;
      this.#schedule(frame.afterMs);
    }
  }

  #onLost(code: number, reason: string): void {
    this.#active = undefined;
    clearTimeout(this.#climbTimer);
    if (Date.now() - this.#connectedAt >= this.#options.stableAfterMs) {
      this.#backoff.reset();
      this.#ladder.stable();
    } else if (isCut(code)) this.#ladder.failed();
    const refusal = this.#refusal(code, reason);
    if (refusal) {
      this.#hooks.onDisconnected({ code, reason });
      this.#refuse(refusal);
      return;
    }
    // A move that was planned for later is due now; one that is under way goes on.
    this.#moving = false;
    const retryInMs = this.#attempting ? 0 : this.#retry(undefined);
    this.#hooks.onDisconnected({ code, reason, retryInMs });
  }

  #onFailed({ error, closeCode }: Failure): void {
    if (this.#stopped) return;
    const chatError =
      error instanceof ChatError
        ? error
        : new ChatError(ClientErrorCode.ProtocolError, "the connection can't be made", { cause: error });
    const refusal =
      closeCode === undefined || mayReconnect(closeCode)
        ? this.#refusalOf(chatError)
        : this.#refusal(closeCode, chatError.message);
    if (refusal) {
      this.#refuse(refusal);
      return;
    }
    if (isHeldBack(chatError, closeCode)) this.#ladder.failed();
    this.#hooks.onError(chatError);
    this.#retry(chatError.retryAfterMs);
  }

  /** What a close code says about coming back: undefined is yes. */
  #refusal(code: number, reason: string): ChatError | undefined {
    if (mayReconnect(code)) return undefined;
    if (code === CloseCode.Unauthenticated) return this.#refusalOf(new ChatError(ErrorCode.Unauthenticated, reason));
    return new ChatError(
      code === CloseCode.TooManyConnections ? ErrorCode.TooManyConnections : ClientErrorCode.ProtocolError,
      `the server closed the connection for good (${code}${reason && `, ${reason}`})`,
    );
  }

  #refusalOf(error: ChatError): ChatError | undefined {
    if (isRetryable(error) || error.code === ClientErrorCode.TokenUnavailable) return undefined;
    if (error.code === ErrorCode.Unauthenticated && typeof this.#options.token === "function") {
      // A token that has run out is no refusal of the user: the provider may have a new one. Once.
      if (!this.#tokenRefused) {
        this.#tokenRefused = true;
        return undefined;
      }
    }
    return error;
  }

  #retry(atLeastMs: number | undefined): number {
    const ms = Math.max(atLeastMs ?? 0, this.#backoff.next());
    this.#schedule(ms);
    return ms;
  }

  #schedule(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#attempt(), ms);
  }

  #scheduleClimb(ms: number | undefined): void {
    clearTimeout(this.#climbTimer);
    if (ms !== undefined && !this.#stopped) this.#climbTimer = setTimeout(() => void this.#climb(), ms);
  }

  #refuse(error: ChatError): void {
    this.#stop();
    this.#hooks.onRefused(error);
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#climbTimer);
    this.#active = undefined;
    for (const connection of this.#all) connection.close(1000, "closed by the client");
  }

  async #token(): Promise<string> {
    const { token } = this.#options;
    if (typeof token === "string") return token;
    try {
      return await abortable(Promise.resolve(token({ signal: this.#signal })), this.#signal);
    } catch (cause) {
      throw new ChatError(ClientErrorCode.TokenUnavailable, "the token provider failed", { cause });
    }
  }
}
