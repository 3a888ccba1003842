/** Where HAProxy and the agent beside it listen, as docs/architecture.md has it. */
export const HAPROXY_HTTP_PORT = 8080;
/** The clients' port where the spec asks for TLS. */
export const HAPROXY_HTTPS_PORT = 8443;
/** Certificate with its chain; the key is beside it as `tls.pem.key`, where HAProxy looks for it. */
export const HAPROXY_TLS_DIRECTORY = "/etc/haproxy/tls";
export const HAPROXY_CERTIFICATE = `${HAPROXY_TLS_DIRECTORY}/tls.pem`;
/** Statistics page (`/stats`), Prometheus metrics (`/metrics`) and liveness (`/healthz`) of HAProxy. */
export const HAPROXY_METRICS_PORT = 8404;
/** The agent's own `/healthz`, `/readyz` and `/metrics`. */
export const INGRESS_AGENT_PORT = 8405;
/** The directory that HAProxy and the agent share; the only one that HAProxy writes to. */
export const HAPROXY_RUN_DIRECTORY = "/var/run/haproxy";
export const HAPROXY_SOCKET = `${HAPROXY_RUN_DIRECTORY}/admin.sock`;
/** The backend whose servers the agent keeps. */
export const CHAT_BACKEND = "chat";
/** The image's user (docker.io/library/haproxy) and, as the pod's `fsGroup`, the group that may open the runtime socket. */
export const HAPROXY_USER = 99;
