/**
 * The rules that find what a request is hashed on, into `txn.affinity`. The first that finds something wins; a request that has
 * nothing (the web page, say) goes round robin.
 *
 * The token is read, not verified: the chat server does that. Whoever forges a `sub` only chooses a server, which bounded loads keep
 * from being overrun.
 */
export function affinityRules(hashOn: "user" | "conversation"): string[] {
  const sources = hashOn === "conversation" ? [...CONVERSATION_SOURCES, ...USER_SOURCES] : USER_SOURCES;
  return sources.map((source, index) => {
    const rule = `http-request set-var(txn.affinity) ${source.sample}`;
    const conditions = [...(source.condition ? [source.condition] : []), ...(index === 0 ? [] : [UNKNOWN])];
    return conditions.length === 0 ? rule : `${rule} if ${conditions.join(" ")}`;
  });
}

/** Not yet found, or found empty. */
const UNKNOWN = "!{ var(txn.affinity) -m len gt 0 }";

interface AffinitySource {
  readonly sample: string;
  readonly condition?: string;
}

const USER_SOURCES: readonly AffinitySource[] = [
  // RFC 6750 section 2.1, RFC 7519 section 4.1.2.
  { sample: "http_auth_bearer,jwt_payload_query('$.sub')" },
  // Browsers cannot set headers on a WebSocket; RFC 6750 section 2.3's way out.
  { sample: "url_param(token),jwt_payload_query('$.sub')" },
  { sample: "url_param(user),url_dec" },
];

const CONVERSATION_SOURCES: readonly AffinitySource[] = [
  { sample: "url_param(conversation),url_dec" },
  {
    sample: String.raw`'path,regsub("^.*/conversations/([^/]+).*$","\1")'`,
    condition: "{ path_reg /conversations/[^/]+ }",
  },
];
