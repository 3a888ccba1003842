/** The controller runtime: see README.md. */
export { ApiError, isConflict, isGone, isNotFound } from "./api-error.ts";
export { APPLIED_HASH_ANNOTATION, Applier, type ApplierOptions, type ApplyOutcome } from "./apply.ts";
export type { IndexFunction, Reader } from "./cache.ts";
export { Client, type ClientOptions, type DeleteOptions, FIELD_MANAGER, loadKubeConfig } from "./client.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type Condition, type DesiredCondition, findCondition, mergeConditions, timestamp } from "./conditions.ts";
export {
  Controller,
  type ControllerOptions,
  type Reconcile,
  type ReconcileContext,
  type Result,
  type Source,
} from "./controller.ts";
export { type EventDetails, EventRecorder } from "./events.ts";
export { dropManagedFields, type EventHandler, Informer, keepAppliedFields } from "./informer.ts";
export { Manager, type ManagerOptions } from "./manager.ts";
export { mergePatchOf } from "./merge-patch.ts";
export type { RuntimeMetrics } from "./metrics.ts";
export * from "./object.ts";
export * from "./scheme.ts";
export { Workqueue } from "./workqueue.ts";
