import { createHash } from "node:crypto";
import { CodedError } from "@chatcluster/foundation/errors";
import type { Logger } from "@chatcluster/foundation/logger";
import type { Client } from "./client.ts";
import { FIELD_MANAGER } from "./client.ts";
import { findLostField } from "./field-ownership.ts";
import type { Informer } from "./informer.ts";
import { controllerReference, describeObject, type KubernetesObject, keyOf } from "./object.ts";

/** Children by the uid of their controller. */
const OWNER_INDEX = "owner";

/** Holds the hash of what was last applied: fields that we stop to want are then found without a schema. */
export const APPLIED_HASH_ANNOTATION = "chatcluster.dev/applied-hash";

export interface ApplierOptions {
  readonly client: Client;
  readonly logger: Logger;
  /** The children's informers, one of each kind that is applied; made with the transform `keepAppliedFields(FIELD_MANAGER)`. */
  readonly informers: readonly Informer[];
  readonly fieldManager?: string;
}

/** What one call did; `written` counts requests that wrote, 0 in steady state. */
export interface ApplyOutcome {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly pruned: readonly string[];
  readonly written: number;
  /** The children as they are now, in the order of the desired ones. */
  readonly objects: readonly KubernetesObject[];
}

/**
 * Makes an owner's children as desired by server-side apply, and writes nothing when they already are.
 *
 * A child is as desired when the hash of what we last applied (an annotation) is the hash of what we want now, and our manager still
 * owns every field of it. docs/decisions/0003-apply-without-writes.md says why that is enough and values are not compared.
 */
export class Applier {
  readonly #client: Client;
  readonly #logger: Logger;
  readonly #fieldManager: string;
  readonly #informers: ReadonlyMap<string, Informer>;

  constructor(options: ApplierOptions) {
    this.#client = options.client;
    this.#logger = options.logger;
    this.#fieldManager = options.fieldManager ?? FIELD_MANAGER;
    this.#informers = new Map(options.informers.map((informer) => [kindKey(informer.kind), informer]));
    for (const informer of options.informers) informer.addIndex(OWNER_INDEX, (object) => ownerUids(object));
  }

  /**
   * Applies every desired child with `owner` as its controller, in order, then deletes those that `owner` controls, that carry all of
   * `pruneLabels` and that are no longer desired.
   *
   * A child that exists but is controlled by somebody else is not touched. One that `isKept` says yes to gets no owner: it outlives this one.
   * @throws CodedError `not_controlled`, `no_informer`, `invalid_child`, or ApiError; children before the failing one are applied.
   */
  async apply(
    owner: KubernetesObject,
    desired: readonly KubernetesObject[],
    pruneLabels: Readonly<Record<string, string>>,
    isKept: (child: KubernetesObject) => boolean = () => false,
  ): Promise<ApplyOutcome> {
    const created: string[] = [];
    const updated: string[] = [];
    const objects: KubernetesObject[] = [];
    for (const child of desired) {
      const wanted = this.#complete(child, isKept(child) ? undefined : owner);
      const live = this.#informerOf(wanted).get(keyOf(wanted));
      if (live && this.#isAsDesired(wanted, live, owner)) {
        objects.push(live);
        continue;
      }
      const applied = await this.#write(wanted, live);
      objects.push(applied);
      // Server-side apply that changes nothing leaves the version as it was.
      if (!live) created.push(describeObject(applied));
      else if (live.metadata.resourceVersion !== applied.metadata.resourceVersion)
        updated.push(describeObject(applied));
    }
    const pruned = await this.#prune(owner, desired, pruneLabels);
    return { created, updated, pruned, written: created.length + updated.length + pruned.length, objects };
  }

  /** The children that `owner` controls and that carry all of `labels`, as they are cached. */
  children(owner: KubernetesObject, labels: Readonly<Record<string, string>>): KubernetesObject[] {
    return [...this.#informers.values()].flatMap((informer) => childrenIn(informer, owner, labels));
  }

  #complete(child: KubernetesObject, owner: KubernetesObject | undefined): KubernetesObject {
    if ("stringData" in child || "status" in child)
      throw new CodedError(
        "invalid_child",
        `${describeObject(child)} must have neither stringData (use data) nor status`,
      );
    const { ownerReferences: _, managedFields: __, ...metadata } = child.metadata;
    const ownerReferences = owner && { ownerReferences: [controllerReference(owner)] };
    const owned = { ...child, metadata: { ...metadata, ...ownerReferences } };
    const annotations = { ...metadata.annotations, [APPLIED_HASH_ANNOTATION]: hashOf(owned) };
    return { ...owned, metadata: { ...owned.metadata, annotations } };
  }

  #informerOf(object: KubernetesObject): Informer {
    const informer = this.#informers.get(kindKey(object));
    if (informer) return informer;
    throw new CodedError("no_informer", `the applier has no informer for ${describeObject(object)}`);
  }

  #isAsDesired(wanted: KubernetesObject, live: KubernetesObject, owner: KubernetesObject): boolean {
    const controller = live.metadata.ownerReferences?.find((reference) => reference.controller);
    if (controller && controller.uid !== owner.metadata.uid)
      throw new CodedError(
        "not_controlled",
        `${describeObject(live)} is controlled by ${controller.kind} ${controller.name}, not by ${describeObject(owner)}`,
      );
    if (live.metadata.annotations?.[APPLIED_HASH_ANNOTATION] !== wanted.metadata.annotations?.[APPLIED_HASH_ANNOTATION])
      return false;
    const lost = findLostField(wanted, live, this.#fieldManager);
    if (lost === undefined) return true;
    this.#logger.info(
      { object: describeObject(live), field: lost },
      "somebody else changed a field of ours, putting it right",
    );
    return false;
  }

  async #write(wanted: KubernetesObject, live: KubernetesObject | undefined): Promise<KubernetesObject> {
    // The live uid makes the apply fail instead of touching another object that has taken the name since.
    const uid = live?.metadata.uid;
    const applied = await this.#client.apply(uid ? { ...wanted, metadata: { ...wanted.metadata, uid } } : wanted);
    this.#informerOf(wanted).observe(applied);
    return applied;
  }

  async #prune(
    owner: KubernetesObject,
    desired: readonly KubernetesObject[],
    labels: Readonly<Record<string, string>>,
  ): Promise<string[]> {
    const wanted = new Set(desired.map((child) => `${kindKey(child)} ${keyOf(child)}`));
    const pruned: string[] = [];
    for (const informer of this.#informers.values()) {
      for (const object of childrenIn(informer, owner, labels)) {
        const isLeftOver = !wanted.has(`${kindKey(object)} ${keyOf(object)}`) && !object.metadata.deletionTimestamp;
        if (!isLeftOver) continue;
        await this.#delete(informer, object);
        pruned.push(describeObject(object));
      }
    }
    return pruned;
  }

  async #delete(informer: Informer, object: KubernetesObject): Promise<void> {
    const { uid, name, namespace = "" } = object.metadata;
    const preconditions = uid ? { preconditions: { uid } } : {};
    try {
      await this.#client.delete(
        informer.kind,
        { namespace, name },
        { ...preconditions, propagationPolicy: "Background" },
      );
      this.#logger.info({ object: describeObject(object) }, "deleted a child that is no longer wanted");
    } catch (error) {
      // Gone already, or replaced by a newer object of that name: what we wanted to delete is no more.
      if (!(error instanceof CodedError) || !["kubernetes_not_found", "kubernetes_conflict"].includes(error.code))
        throw error;
    }
  }
}

function childrenIn(
  informer: Informer,
  owner: KubernetesObject,
  labels: Readonly<Record<string, string>>,
): KubernetesObject[] {
  const wanted = Object.entries(labels);
  return informer
    .byIndex(OWNER_INDEX, owner.metadata.uid ?? "")
    .filter(({ metadata }) => wanted.every(([name, value]) => metadata.labels?.[name] === value));
}

function ownerUids({ metadata }: KubernetesObject): string[] {
  return (metadata.ownerReferences ?? []).filter(({ controller }) => controller).map(({ uid }) => uid);
}

function kindKey(kind: { readonly apiVersion: string; readonly kind: string }): string {
  return `${kind.apiVersion} ${kind.kind}`;
}

/** The same for equal JSON, whatever the order of its keys. */
function hashOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 32);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
  });
}
