import { Counter, Trend } from "k6/metrics";
import type { Settings } from "./settings.ts";

/** From the sender's clock before the send to the receiver's on arrival; both are k6's own. */
export const deliveryLatency = new Trend("delivery_latency", true);
/** From the send to its acknowledgement: the message is stored. */
export const acknowledgementLatency = new Trend("acknowledgement_latency", true);
/** Messages that reached a member's connection. */
export const delivered = new Counter("delivered");
/** Messages that the server acknowledged. */
export const acknowledged = new Counter("acknowledged");
/** Acknowledged messages that did not reach a member by the end of the run, counted for each member. */
export const lost = new Counter("lost");
/** Messages that reached a member's application side more than once. */
export const doubled = new Counter("doubled");
/** Sends that were neither acknowledged nor refused by the end of the run. */
export const unacknowledged = new Counter("unacknowledged");
/** Sends, logins and other requests that the server refused. */
export const refused = new Counter("refused");
/** Connections that could not be made. */
export const connectErrors = new Counter("connect_errors");
/** Connections that ended before the run did; each is made anew and resumes. */
export const connectionLosses = new Counter("connection_losses");

/** The thresholds of a run: k6 ends with status 99 if one is crossed. Each metric that is counted at 0 exists though nothing was added. */
export function thresholds({ latencyP99Ms }: Settings): Record<string, string[]> {
  return {
    delivery_latency: [`p(99)<${latencyP99Ms}`],
    delivered: ["count>0"],
    acknowledged: ["count>0"],
    lost: ["count==0"],
    doubled: ["count==0"],
    unacknowledged: ["count==0"],
    refused: ["count==0"],
    connect_errors: ["count==0"],
    connection_losses: ["count==0"],
  };
}
