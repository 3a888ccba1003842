import { type Static, Type } from "typebox";

function Labels(description: string) {
  return Type.Record(Type.String(), Type.String({ maxLength: 63, description: "The label's value." }), {
    default: {},
    maxProperties: 32,
    description,
  });
}

/** Pods that may read metrics. */
const Scraper = Type.Object(
  {
    namespace: Type.String({
      minLength: 1,
      maxLength: 63,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
      description: "Namespace of the pods.",
    }),
    podLabels: Labels("Labels of the pods; every pod of the namespace when empty."),
  },
  { description: "Pods that may read metrics." },
);
export type Scraper = Static<typeof Scraper>;

/** How metrics are read, and by whom. */
export const MonitoringSpec = Type.Object(
  {
    podMonitor: Type.Optional(
      Type.Object(
        {
          interval: Type.String({
            default: "30s",
            pattern: "^[1-9][0-9]{0,4}(s|m)$",
            description: "Time between two readings.",
          }),
          labels: Labels("Labels by which your Prometheus selects PodMonitors."),
        },
        {
          description:
            "Makes PodMonitors (monitoring.coreos.com/v1) for the Prometheus operator: of the chat servers, HAProxy and its agent, and of every " +
            "sidecar of a podTemplate that has a port called `metrics`.",
        },
      ),
    ),
    scrapeAnnotations: Type.Boolean({
      default: false,
      description:
        "Whether the pods of the chat servers and of HAProxy carry `prometheus.io/scrape`, `port` and `path`, for a Prometheus that looks for them. " +
        "A change rolls the pods.",
    }),
    scrapers: Type.Array(Scraper, {
      default: [],
      maxItems: 16,
      description:
        "Who may read metrics. Once there is one, NetworkPolicies close the metrics' ports of the chat servers and of HAProxy to all but these, " +
        "HAProxy and the operator; and let these in to ports called `metrics` of Redis', the sentinels' and Cassandra's sidecars.",
    }),
  },
  { default: {}, description: "How metrics are read, and by whom." },
);

export type MonitoringSpec = Static<typeof MonitoringSpec>;
