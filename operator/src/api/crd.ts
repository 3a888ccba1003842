import { API_GROUP, API_KIND, API_PLURAL, API_VERSION } from "./chat-cluster.ts";
import { ChatClusterSpec } from "./spec/chat-cluster-spec.ts";
import { ChatClusterStatus } from "./status.ts";
import { structuralSchema } from "./structural-schema.ts";

/** What `kubectl get chatclusters` shows; the last ones only with `-o wide`. */
const PRINTER_COLUMNS = [
  { name: "Servers", type: "integer", jsonPath: ".status.servers", description: "Chat servers that exist." },
  { name: "Connections", type: "integer", jsonPath: ".status.connections", description: "Open connections." },
  {
    name: "Ready",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    description: "Whether chat works.",
  },
  {
    name: "Reason",
    type: "string",
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: "Why it is ready, or is not.",
  },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp", description: "Time since it was made." },
  {
    name: "Message",
    type: "string",
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="Ready")].message',
    description: "Why it is ready, or is not, in a sentence.",
  },
  {
    name: "Redis",
    type: "string",
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="RedisReady")].message',
    description: "How Redis does, and which pod is its master.",
  },
  {
    name: "Scaling",
    type: "string",
    priority: 1,
    jsonPath: '.status.conditions[?(@.type=="ScalingActive")].message',
    description: "Why the number of servers is what it is.",
  },
];

/** The CustomResourceDefinition of ChatCluster, made of the same schemas as its types. */
export function chatClusterCrd(): Record<string, unknown> {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${API_PLURAL}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: "Namespaced",
      names: {
        kind: API_KIND,
        listKind: `${API_KIND}List`,
        plural: API_PLURAL,
        singular: "chatcluster",
        shortNames: ["chat"],
        categories: ["all"],
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          additionalPrinterColumns: PRINTER_COLUMNS,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.servers.replicas",
              statusReplicasPath: ".status.servers",
              labelSelectorPath: ".status.selector",
            },
          },
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

/** The schema of a whole ChatCluster. Names of children are made of its name, and label values end at 63 characters. */
export function rootSchema(): Record<string, unknown> {
  return {
    type: "object",
    description:
      "A chat backend: chat servers that scale on connections, Redis, Cassandra, and a consistent-hashing ingress.",
    properties: {
      spec: structuralSchema(jsonSchema(ChatClusterSpec), "spec"),
      status: structuralSchema(jsonSchema(ChatClusterStatus), "status"),
    },
    "x-kubernetes-validations": [
      {
        rule: "self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        message:
          "metadata.name must be a DNS label (lower-case letters, digits and dashes, a letter first) of at most 40 characters: the names of Services are made of it",
      },
    ],
  };
}

/** The same object, not a copy: TypeBox knows its own by properties that a spread would lose, and then fills in no defaults. */
function jsonSchema(schema: object): Record<string, unknown> {
  return schema as Record<string, unknown>;
}
