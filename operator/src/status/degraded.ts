import type { DesiredCondition } from "../runtime/index.ts";
import type { Observation, Problem } from "./observation.ts";

/** `Degraded`: something is wrong that does not go away by waiting, or keeps failing. */
export function degraded(observation: Observation): DesiredCondition {
  const type = "Degraded";
  const [first, ...others] = problemsOf(observation);
  if (!first) return { type, status: "False", reason: "AsExpected", message: "no problem is known" };
  const message = [first, ...others].map((problem) => problem.message).join("; ");
  return { type, status: "True", reason: first.reason, message };
}

function problemsOf({ problems, failures, credentials, ...observation }: Observation): Problem[] {
  const { chat, redis, sentinel, cassandra, snapshots, ingress } = observation;
  const components = [chat, redis, sentinel, cassandra, snapshots, ingress].filter((state) => state !== undefined);
  return [
    ...problems,
    ...failures,
    ...components.flatMap(({ podProblem }) => (podProblem ? [podProblem] : [])),
    ...components.flatMap(({ stalled, podProblem }) =>
      stalled && !podProblem ? [{ reason: "RolloutStalled", message: "new pods do not become ready" }] : [],
    ),
    ...(credentials.problem ? [credentials.problem] : []),
  ];
}
