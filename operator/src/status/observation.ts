import type { ChatCluster } from "../api/chat-cluster.ts";
import type { CassandraStatus, PasswordsStatus } from "../api/status.ts";
import type { RedisView } from "../redis/view.ts";
import type { KubernetesObject } from "../runtime/object.ts";
import type { PodProblem } from "./pod-problem.ts";

/** What one reason and one sentence say. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
}

/** The state of one workload, whether Deployment or StatefulSet. */
export interface WorkloadState {
  /** False until it exists. */
  readonly exists: boolean;
  /** Pods that there should be. */
  readonly desired: number;
  readonly ready: number;
  /** Pods that there are, ready or not, those that are going not among them. */
  readonly current: number;
  /** Pods of the newest template. */
  readonly updated: number;
  /** Whether its controller has seen its newest spec. */
  readonly observed: boolean;
  /** The Deployment gave up waiting for its new pods. */
  readonly stalled: boolean;
  /** What keeps one of its pods from running, the first that was found. */
  readonly podProblem: PodProblem | undefined;
}

/** Everything that the status is computed from. */
export interface Observation {
  readonly cluster: ChatCluster;
  readonly chat: WorkloadState;
  /** Undefined where Redis is somebody else's. */
  readonly redis?: WorkloadState;
  /** In mode `sentinel`. */
  readonly sentinel?: WorkloadState;
  readonly cassandra: WorkloadState;
  /** What keeps the snapshots, where the spec has any. */
  readonly snapshots?: WorkloadState;
  /** HAProxy. */
  readonly ingress: WorkloadState;
  /** The Ingress or the HTTPRoute of the modes of these names; undefined until it exists. */
  readonly wayIn?: KubernetesObject | undefined;
  /** Why the way in could not be made. */
  readonly ingressProblem?: Problem | undefined;
  /** In mode `sentinel`, who is what; undefined while nobody could be asked. */
  readonly redisView: RedisView | undefined;
  /** Whether Cassandra's roles are in order; a problem where that was tried and failed. */
  readonly credentials: { readonly ready: boolean; readonly problem?: Problem };
  /** Cassandra's ring as it is; undefined while nothing is known. */
  readonly ring: CassandraStatus | undefined;
  /** What is under way in it beyond what its StatefulSet shows. */
  readonly ringWork: Problem | undefined;
  /** The last rotation of the passwords, and what of one is under way. */
  readonly passwords: { readonly status: PasswordsStatus | undefined; readonly work?: Problem };
  readonly scaling: { readonly reason: string; readonly message: string } | undefined;
  readonly draining: readonly string[];
  readonly connections: number | undefined;
  /** What a person has to put right, such as a Secret that is not there. */
  readonly problems: readonly Problem[];
  /** What failed in this reconcile and will be tried again. */
  readonly failures: readonly Problem[];
}
