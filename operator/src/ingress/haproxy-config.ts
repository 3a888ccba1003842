import { CodedError } from "@chatcluster/foundation/errors";
import { affinityRules } from "./affinity-rules.ts";
import { CHAT_BACKEND, HAPROXY_HTTP_PORT, HAPROXY_HTTPS_PORT, HAPROXY_METRICS_PORT, HAPROXY_SOCKET } from "./ports.ts";

/** What a ChatCluster's spec says about its managed HAProxy. */
export interface HaproxyConfigOptions {
  /** What one server is chosen by: the user, or the conversation (and the user where a request names no conversation). */
  readonly hashOn: "user" | "conversation";
  /**
   * Bounded loads: no server gets more than this percentage of the mean of open requests. 0 is off, else more than 100
   * (HAProxy configuration manual, `hash-balance-factor`).
   */
  readonly balanceFactor: number;
  /** Seconds that open connections may live on after SIGUSR1; then they are cut (`hard-stop-after`). */
  readonly drainSeconds: number;
  /** Upper bound of connections at once, a client's and its server's counted as one. A lower open-file limit wins. */
  readonly maxConnections: number;
  /** New connections that one address may open in 10 s; 0 is no limit (needed where a proxy hides the clients' addresses). */
  readonly connectionRatePerAddress: number;
  /** Threads; left out, HAProxy takes one for each CPU of the node, which is wrong under a CPU limit. */
  readonly threads?: number;
  /** One JSON line a request on standard output; never its query string, for that may hold a token. */
  readonly accessLog: boolean;
  /** Every connection begins with a PROXY protocol header (v1 or v2), which names the client; those without one are refused. */
  readonly proxyProtocol?: boolean;
  /** TLS in the place of plain HTTP. */
  readonly tls?: {
    /** File with the certificate and its chain; the key is in `FILE.key`. */
    readonly certificate: string;
    /** Seconds of Strict-Transport-Security; 0 sends none. */
    readonly hstsSeconds: number;
  };
  /** Where it listens and keeps its runtime socket; the defaults are those of the image. Tests put them elsewhere. */
  readonly listen?: {
    readonly address?: string;
    readonly httpPort?: number;
    readonly httpsPort?: number;
    readonly metricsPort?: number;
    readonly socket?: string;
  };
}

/**
 * The haproxy.cfg of a ChatCluster, valid for HAProxy 2.6.12 to 3.0. It holds no server: the agent adds them through the runtime
 * API, so the file changes only with the spec and a scaling never reloads (docs/decisions/0010-ingress-without-reloads.md).
 *
 * @throws CodedError `invalid_ingress_options` for a number outside of what HAProxy takes.
 */
export function renderHaproxyConfig(options: HaproxyConfigOptions): string {
  checkOptions(options);
  const sections = [globalSection(options), defaultsSection(), frontend(options), backend(options), metrics(options)];
  return `${sections.map((lines) => lines.join("\n    ")).join("\n\n")}\n`;
}

function checkOptions(options: HaproxyConfigOptions): void {
  const { balanceFactor, drainSeconds, maxConnections, connectionRatePerAddress, threads = 1 } = options;
  requireInteger("balanceFactor", balanceFactor, 0, 65_535);
  if (balanceFactor > 0 && balanceFactor <= 100) {
    throw new CodedError("invalid_ingress_options", `balanceFactor ${balanceFactor} must be 0 (off) or above 100`);
  }
  requireInteger("drainSeconds", drainSeconds, 1, 86_400);
  requireInteger("maxConnections", maxConnections, 1, 1_000_000);
  requireInteger("connectionRatePerAddress", connectionRatePerAddress, 0, 1_000_000);
  requireInteger("threads", threads, 1, 64);
}

function requireInteger(name: string, value: number, minimum: number, maximum: number): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  throw new CodedError(
    "invalid_ingress_options",
    `${name} must be a whole number from ${minimum} to ${maximum}, not ${value}`,
  );
}

/** Descriptors beside the connections: listeners, the socket, health checks, pipes, metrics readers. */
const SPARE_DESCRIPTORS = 500;

function globalSection({ drainSeconds, maxConnections, threads, listen }: HaproxyConfigOptions): string[] {
  return [
    "global",
    "log stdout format raw local0 info",
    // Group-readable: the agent runs as another user, with the pod's fsGroup.
    `stats socket ${listen?.socket ?? HAPROXY_SOCKET} mode 660 level admin`,
    "stats timeout 30s",
    `hard-stop-after ${drainSeconds}s`,
    // Idle and keep-alive connections leave over half of the time instead of all at once.
    `close-spread-time ${Math.max(1, Math.floor(drainSeconds / 2))}s`,
    // maxconn follows from the descriptors: the lower of this and the container's own limit. A fixed maxconn above that limit
    // would refuse to start, and no bound at all takes gigabytes where the limit is a thousand million.
    `fd-hard-limit ${2 * maxConnections + SPARE_DESCRIPTORS}`,
    ...(threads === undefined ? [] : [`nbthread ${threads}`]),
  ];
}

/** Clients and servers ping every 30 s and give up after 10 s (design.md, contract 9): a tunnel silent for longer is dead. */
const TUNNEL_TIMEOUT = "100s";

function defaultsSection(): string[] {
  return [
    "defaults",
    "mode http",
    "timeout connect 2s",
    "timeout http-request 10s",
    "timeout http-keep-alive 30s",
    "timeout queue 5s",
    // Longer than any long poll waits and than the silence between two SSE heartbeats.
    "timeout client 75s",
    "timeout server 75s",
    `timeout tunnel ${TUNNEL_TIMEOUT}`,
    "timeout client-fin 5s",
    "timeout server-fin 5s",
    "timeout check 2s",
    // Server-sent events are small writes that must not wait for more.
    "option http-no-delay",
    "option tcpka",
  ];
}

function frontend(options: HaproxyConfigOptions): string[] {
  return [
    "frontend http",
    bindLine(options),
    ...hsts(options),
    ...connectionRateRules(options.connectionRatePerAddress),
    ...(options.accessLog ? accessLogRules() : []),
    // What a client says about its own address is not to be believed.
    "http-request del-header Forwarded",
    "http-request set-header X-Forwarded-For %[src]",
    "http-request set-header X-Forwarded-Proto https if { ssl_fc }",
    "http-request set-header X-Forwarded-Proto http if !{ ssl_fc }",
    "http-request set-header X-Forwarded-Host %[req.hdr(Host)]",
    "http-after-response set-header Retry-After 2 if { status 503 }",
    ...affinityRules(options.hashOn),
    `default_backend ${CHAT_BACKEND}`,
  ];
}

function bindLine({ listen, proxyProtocol, tls }: HaproxyConfigOptions): string {
  const port = tls ? (listen?.httpsPort ?? HAPROXY_HTTPS_PORT) : (listen?.httpPort ?? HAPROXY_HTTP_PORT);
  const secure = tls ? ` ssl crt ${tls.certificate} alpn h2,http/1.1 ssl-min-ver TLSv1.2` : "";
  return `bind ${listen?.address ?? ""}:${port}${proxyProtocol ? " accept-proxy" : ""}${secure}`;
}

function hsts({ tls }: HaproxyConfigOptions): string[] {
  if (!tls || tls.hstsSeconds === 0) return [];
  return [`http-after-response set-header Strict-Transport-Security "max-age=${tls.hstsSeconds}"`];
}

/** JSON, like every other log of the project; only the path, for the query string may hold a token. */
function accessLogRules(): string[] {
  const fields = [
    '"time":%Ts,"name":"haproxy","client":"%ci","method":"%HM","path":"%[var(txn.path)]","status":%ST',
    '"server":"%s","milliseconds":%Ta,"bytes":%B,"termination":"%ts","retries":"%rc"',
  ];
  return [
    "log global",
    "option dontlognull",
    "http-request set-var(txn.path) path,json(utf8s)",
    `log-format '{${fields.join(",")}}'`,
  ];
}

/**
 * Past the rate a request is answered 429, so that a client learns why; at four times the rate, where answering would itself be
 * the harm, the connection is closed unread.
 */
function connectionRateRules(rate: number): string[] {
  if (rate === 0) return [];
  return [
    "stick-table type ipv6 size 200k expire 30s store conn_rate(10s)",
    "tcp-request connection track-sc0 src",
    `tcp-request connection reject if { sc0_conn_rate gt ${4 * rate} }`,
    refusal(429, "connection_rate_limited", 10, `{ sc0_conn_rate gt ${rate} }`),
  ];
}

function refusal(status: number, code: string, retryAfter: number | undefined, condition: string): string {
  const header = retryAfter === undefined ? "" : ` hdr Retry-After ${retryAfter}`;
  return `http-request return status ${status} content-type application/json string '{"code":"${code}"}'${header} if ${condition}`;
}

function backend({ balanceFactor }: HaproxyConfigOptions): string[] {
  return [
    `backend ${CHAT_BACKEND}`,
    "balance hash var(txn.affinity)",
    // docs/decisions/0011-hash-function.md has the figures.
    "hash-type consistent crc32 avalanche",
    ...(balanceFactor === 0 ? [] : [`hash-balance-factor ${balanceFactor}`]),
    "http-reuse safe",
    "option httpchk GET /readyz",
    "http-check expect status 200",
    // A connection that was refused or timed out has sent nothing yet: any other server may have it, at once.
    "retries 3",
    "retry-on conn-failure",
    "option redispatch 1",
    refusal(503, "no_server_available", undefined, "{ nbsrv eq 0 }"),
  ];
}

function metrics({ listen }: HaproxyConfigOptions): string[] {
  return [
    "frontend metrics",
    `bind ${listen?.address ?? ""}:${listen?.metricsPort ?? HAPROXY_METRICS_PORT}`,
    "monitor-uri /healthz",
    "http-request use-service prometheus-exporter if { path /metrics }",
    "stats enable",
    "stats uri /stats",
    "stats hide-version",
    "stats refresh 10s",
    "http-request deny deny_status 404 unless { path_beg /stats }",
  ];
}
