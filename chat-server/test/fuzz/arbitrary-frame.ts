import { clientFrames } from "@chatcluster/protocol";
import fc from "fast-check";

/** The parts of JSON Schema that the protocol's schemas use. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Values that exist on the server, by the names of the fields that take them: so that frames get past the first look-up. */
export type Known = Readonly<Record<string, readonly string[]>>;

type Frame = Record<string, unknown>;

/** Frames that the schemas allow, of every type that the protocol has. */
export function validFrame(known: Known): fc.Arbitrary<Frame> {
  return fc.oneof(
    ...Object.values(clientFrames).map((schema) => arbitraryOf(schema as Schema, known) as fc.Arbitrary<Frame>),
  );
}

/** Frames that are valid but for something that was taken out, put in, or replaced. */
export function mutatedFrame(known: Known): fc.Arbitrary<Frame> {
  return fc
    .tuple(
      validFrame(known),
      fc.array(fc.tuple(fc.nat(), hostileValue(), fc.boolean()), { minLength: 1, maxLength: 3 }),
    )
    .map(([frame, mutations]) => {
      const copy = structuredClone(frame);
      // A copy each: the same list put into itself would be a circle, which is no JSON.
      for (const [where, value, remove] of mutations) mutate(copy, where, structuredClone(value), remove);
      return copy;
    });
}

/** Texts of frames, good and bad, and texts that are none. */
export function frameText(known: Known): fc.Arbitrary<string> {
  const text = fc.oneof(validFrame(known), mutatedFrame(known)).map((frame) => JSON.stringify(frame));
  const cut = fc.tuple(text, fc.nat(), fc.string({ unit: "binary" })).map(([whole, at, between]) => {
    const index = at % (whole.length + 1);
    return whole.slice(0, index) + between + whole.slice(index + between.length);
  });
  return fc.oneof(
    { weight: 5, arbitrary: text },
    { weight: 2, arbitrary: cut },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 10_000 }).map((depth) => "[".repeat(depth)) },
  );
}

function hostileValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      null,
      -1,
      0.5,
      2 ** 53,
      1e308,
      "",
      " ",
      "\u0000",
      "\ud800",
      "__proto__",
      "constructor",
      "{}:*",
      "../..",
      "x".repeat(20_000),
      [],
      {},
      { __proto__: { polluted: true } },
      Array.from({ length: 2_000 }, (_, index) => `u${index}`),
    ),
  );
}

function mutate(frame: Frame, where: number, value: unknown, remove: boolean): void {
  const places: [Record<string, unknown>, string][] = [];
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key]);
      visit((node as Record<string, unknown>)[key]);
    }
  };
  visit(frame);
  const place = places[where % (places.length + 1)];
  if (!place) frame[typeof value === "string" ? value.slice(0, 20) : "extra"] = value;
  else if (remove) delete place[0][place[1]];
  else place[0][place[1]] = value;
}

function arbitraryOf(schema: Schema, known: Known, name = ""): fc.Arbitrary<unknown> {
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each) => arbitraryOf(each, known, name)));
  switch (schema.type) {
    case "object":
      return objectOf(schema, known);
    case "array":
      return arrayOf(schema, known, name);
    case "integer":
      return fc.integer({
        min: Math.max(schema.minimum ?? 0, Number.MIN_SAFE_INTEGER),
        max: Math.min(schema.maximum ?? 1_000_000, Number.MAX_SAFE_INTEGER),
      });
    case "number":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case "boolean":
      return fc.boolean();
    case "string":
      return stringOf(schema, known[name] ?? []);
    default:
      return fc.jsonValue();
  }
}

function objectOf(
  { properties = {}, required = [], patternProperties = {} }: Schema,
  known: Known,
): fc.Arbitrary<unknown> {
  const [pattern] = Object.entries(patternProperties);
  if (pattern) {
    const key = stringOf({ type: "string", pattern: pattern[0], maxLength: 128 }, known.conversationId ?? []);
    return fc.dictionary(key, arbitraryOf(pattern[1], known), { maxKeys: 5 });
  }
  const fields = Object.entries(properties).map(([name, each]) => [name, arbitraryOf(each, known, name)] as const);
  const requiredKeys = required.filter((name) => name in properties);
  return fc.record(Object.fromEntries(fields), { requiredKeys: requiredKeys as never[] });
}

function arrayOf(schema: Schema, known: Known, name: string): fc.Arbitrary<unknown> {
  const item = arbitraryOf(schema.items ?? {}, known, name);
  const bounds = { minLength: schema.minItems ?? 0, maxLength: Math.max(schema.minItems ?? 0, 4) };
  return schema.uniqueItems ? fc.uniqueArray(item, bounds) : fc.array(item, bounds);
}

function stringOf({ pattern, minLength = 0, maxLength = 100 }: Schema, known: readonly string[]): fc.Arbitrary<string> {
  const fits = (text: string) => text.length >= minLength && text.length <= maxLength;
  const made = pattern
    ? fc.stringMatching(new RegExp(pattern)).filter(fits)
    : fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, 100) }).filter(fits);
  return known.length === 0
    ? made
    : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: made });
}
