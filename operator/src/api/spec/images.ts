import { type Static, Type } from "typebox";

function Image(description: string) {
  return Type.Optional(Type.String({ minLength: 1, maxLength: 1024, description }));
}

/** Container images; those left out are the operator's defaults. */
export const ImagesSpec = Type.Object(
  {
    chatServer: Image("Image of the chat servers."),
    ingressAgent: Image("Image of the agent beside HAProxy (the operator's own image)."),
    redis: Image("Image of Redis; any server that speaks Redis 7's protocol will do."),
    cassandra: Image(
      "Image of Cassandra 5.0: any that keeps to the commands and variables of docker.io/library/cassandra.",
    ),
    cassandraAgent: Image(
      "Image of the agent beside each Cassandra, and of what keeps its snapshots (the operator's own image).",
    ),
    haproxy: Image("Image of HAProxy, 2.6 or newer."),
    pullPolicy: Type.Union([Type.Literal("IfNotPresent"), Type.Literal("Always"), Type.Literal("Never")], {
      default: "IfNotPresent",
      description: "When nodes pull the images.",
    }),
    pullSecrets: Type.Array(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: "Name of a Secret of type kubernetes.io/dockerconfigjson.",
      }),
      { default: [], maxItems: 16, description: "Secrets of the same namespace with which images are pulled." },
    ),
  },
  { default: {}, description: "Container images; those left out are the operator's defaults." },
);

export type ImagesSpec = Static<typeof ImagesSpec>;
