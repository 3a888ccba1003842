import { type Static, Type } from "typebox";

/** The text form of `resource.Quantity`: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const QUANTITY_PATTERN = "^[0-9]+(\\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$";

/** A Kubernetes quantity as text, such as `10Gi`. */
export function Quantity(options: { description: string; default?: string }) {
  return Type.String({ pattern: QUANTITY_PATTERN, maxLength: 32, ...options });
}

/** Amounts by resource name. Kubernetes takes `cpu: 1` and `cpu: "1"` alike, and so does the schema. */
function ResourceAmounts(description: string) {
  return Type.Record(
    Type.String(),
    Type.Unsafe<string | number>({
      anyOf: [{ type: "integer" }, { type: "string" }],
      "x-kubernetes-int-or-string": true,
      pattern: QUANTITY_PATTERN,
      description: "An amount such as 100m or 256Mi.",
    }),
    { description },
  );
}

/** CPU and memory of a container, by resource name, as in a pod. */
export function Resources(options: { description: string; default?: Resources }) {
  return Type.Object(
    {
      requests: Type.Optional(
        ResourceAmounts("What the scheduler sets aside for the container, by resource name (cpu, memory, …)."),
      ),
      limits: Type.Optional(ResourceAmounts("What the container may use at most, by resource name (cpu, memory, …).")),
    },
    options,
  );
}

/** Amounts by resource name, as in `resources` of a container. */
export type Resources = { requests?: Record<string, string | number>; limits?: Record<string, string | number> };

const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a quantity of the schema's form stands for (bytes, for memory and storage). */
export function quantityValue(quantity: string): number {
  const [, digits = "", unit = ""] = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  return Number(digits) * (UNITS[unit] ?? 1);
}

const storageClassName = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 253,
    description: "StorageClass of the volumes; the cluster's default when left out. Cannot be changed later.",
  }),
);

/** A volume per pod, with the rules of what Kubernetes cannot do to one that exists. */
export function Storage(options: { description: string; size: string; path: string }) {
  return Type.Object(
    {
      size: Quantity({
        default: options.size,
        description: "Size of the volume of each pod. May grow where the StorageClass allows it; never shrinks.",
      }),
      storageClassName,
    },
    {
      default: {},
      description: options.description,
      "x-kubernetes-validations": [
        {
          rule: "quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
          message: `${options.path}.size cannot shrink: a volume that holds data can only grow`,
          reason: "FieldValueForbidden",
          fieldPath: ".size",
        },
        {
          rule: "has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
          message: `${options.path}.storageClassName cannot be changed once the volumes exist`,
          reason: "FieldValueForbidden",
        },
      ],
    },
  );
}

export type StorageSpec = Static<ReturnType<typeof Storage>>;
