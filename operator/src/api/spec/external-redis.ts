import { type Static, Type } from "typebox";

/** What stands where an address does: no user, no path, nothing that a list would be torn apart by. */
const ADDRESS_PATTERN = "^[A-Za-z0-9._:\\[\\]-]+:[0-9]{1,5}$";

function Addresses(description: string) {
  return Type.Array(Type.String({ pattern: ADDRESS_PATTERN, maxLength: 262, description: "`host:port`" }), {
    minItems: 1,
    maxItems: 15,
    description,
  });
}

/** A Secret of the user with a login. */
function LoginSecret(whose: string) {
  return Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 253,
      description: `Secret of the same namespace with ${whose}: \`password\`, and \`username\` where it is not the default user. None when left out.`,
    }),
  );
}

/** Sentinels of the user. */
const ExternalSentinelsSpec = Type.Object(
  {
    addresses: Addresses("Where the sentinels are."),
    master: Type.String({
      pattern: "^[A-Za-z0-9._-]+$",
      minLength: 1,
      maxLength: 200,
      description: "Name under which the sentinels know the master.",
    }),
    secretName: LoginSecret("the sentinels' own login"),
    tls: Type.Boolean({ default: false, description: "Whether the sentinels are spoken to over TLS." }),
  },
  { description: "Sentinels that tell where the master is." },
);

/** A Redis that the operator does not look after. */
export const ExternalRedisSpec = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        pattern: "^rediss?://[^/@?#\\s]+(/[0-9]{1,5})?$",
        maxLength: 512,
        description:
          "One Redis: `redis://host:6379`, or `rediss://` for TLS. Without a password, which belongs in `secretName`.",
      }),
    ),
    sentinels: Type.Optional(ExternalSentinelsSpec),
    clusterNodes: Type.Optional(Addresses("Some nodes of a Redis Cluster; they tell of the others.")),
    secretName: LoginSecret("the login to Redis"),
    tls: Type.Optional(
      Type.Boolean({
        description:
          "Whether Redis behind `sentinels` or `clusterNodes` is spoken to over TLS; a `url` says so itself. For a certificate authority of your " +
          "own set NODE_EXTRA_CA_CERTS by spec.servers.podTemplate.",
      }),
    ),
  },
  {
    description:
      "A Redis of yours, 7.0 or newer, which must keep what it is told (`maxmemory-policy noeviction`). The operator does not look after it; the " +
      "chat servers' readiness tells whether they reach it.",
    "x-kubernetes-validations": [
      {
        rule: "[has(self.url), has(self.sentinels), has(self.clusterNodes)].exists_one(given, given)",
        message: "spec.redis.external takes exactly one of url, sentinels and clusterNodes",
      },
      {
        rule: "!has(self.tls) || !has(self.url)",
        message: "spec.redis.external.tls excludes spec.redis.external.url, which says rediss:// for TLS",
        fieldPath: ".tls",
      },
    ],
  },
);

export type ExternalRedisSpec = Static<typeof ExternalRedisSpec>;
