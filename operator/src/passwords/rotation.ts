/**
 * How generated passwords are replaced while they are in use: docs/decisions/0122. What is under way stands in the Secrets themselves, so that an operator
 * that is ended at any step is followed by one that goes on.
 */

/** What a Secret holds, by key. */
export type Texts = Readonly<Record<string, string>>;

/** A Secret with a login that is replaced. */
export interface RotatingSecret {
  readonly texts: Texts;
  /** The keys that change; those of `next-` and `previous-` are beside them. */
  readonly keys: readonly string[];
}

/**
 * - `settled`: one login.
 * - `adding`: the next one is there, and the stores learn it; nobody uses it.
 * - `moving`: it is the one in use from here on; those who have the previous one may still use that.
 */
export type Phase = "settled" | "adding" | "moving";

/** Key with the value of the annotation for which a Secret was rotated last, or is now. */
export const ROTATED_FOR = "rotated-for";
/** Key with the time at which a Secret's previous login ended, as RFC 3339 has it. */
export const ROTATED_AT = "rotated-at";

const next = (key: string): string => `next-${key}`;
const previous = (key: string): string => `previous-${key}`;

/** Every key by which a Secret says where its rotation stands. */
export function rotationKeys(keys: readonly string[]): string[] {
  return [...keys.flatMap((key) => [next(key), previous(key)]), ROTATED_FOR, ROTATED_AT];
}

export function phaseOf({ texts, keys }: RotatingSecret): Phase {
  if (keys.some((key) => texts[next(key)])) return "adding";
  return keys.some((key) => texts[previous(key)]) ? "moving" : "settled";
}

/** The logins that the stores accept, by key: first the one in use, then the one that comes or goes. */
export function acceptedOf({ texts, keys }: RotatingSecret): Texts[] {
  const pick = (nameOf: (key: string) => string) => {
    const found = keys.flatMap((key) => (texts[nameOf(key)] ? [[key, texts[nameOf(key)] ?? ""] as const] : []));
    return found.length === keys.length ? [Object.fromEntries(found)] : [];
  };
  return [...pick((key) => key), ...pick(next), ...pick(previous)];
}

/** Whether a login that was once in use is so no more, or is about to be. */
export function wasRotated(secret: RotatingSecret): boolean {
  return secret.texts[ROTATED_AT] !== undefined || phaseOf(secret) === "moving";
}

/** What a step of the rotation goes by. */
export interface RotationView {
  readonly secrets: ReadonlyMap<string, RotatingSecret>;
  /** Whether a rotation is asked for. */
  readonly wanted: boolean;
  /** What the annotation says now. */
  readonly request: string | undefined;
  /** Whether nothing else is under way in the ChatCluster, and the stores know the logins of the Secrets. */
  readonly mayBegin: boolean;
  /** Whether the stores accept just what the Secrets say. */
  readonly storesKnow: boolean;
  /** Whether everybody who has a login has the one in use. */
  readonly clientsMoved: boolean;
  /** The time, as RFC 3339 has it. */
  readonly now: string;
}

export type Transition = "begin" | "move" | "end";

/** The next step, and what the Secrets that it changes hold after it. */
export interface RotationStep {
  readonly transition: Transition;
  readonly changed: ReadonlyMap<string, Texts>;
}

/**
 * The Secrets take each step together. They are written one after the other, so some may be behind after a crash: those are brought along first.
 *
 * @param make the next value of a key, given the one in use
 */
export function nextStep(
  view: RotationView,
  make: (secret: string, key: string, current: string) => string,
): RotationStep | undefined {
  const phases = Map.groupBy(view.secrets, ([, secret]) => phaseOf(secret));
  const { settled = [], adding = [], moving = [] } = Object.fromEntries(phases);
  const step = (
    transition: Transition,
    of: typeof settled,
    change: (name: string, secret: RotatingSecret) => Texts,
  ) => ({
    transition,
    changed: new Map(of.map(([name, secret]) => [name, change(name, secret)])),
  });
  const isBegun = adding.length > 0;
  if (settled.length > 0 && (isBegun || (moving.length === 0 && view.wanted && view.mayBegin)))
    return step("begin", settled, (name, secret) =>
      begun(secret, view.request, (key) => make(name, key, secret.texts[key] ?? "")),
    );
  if (isBegun) return view.storesKnow ? step("move", adding, (_name, secret) => moved(secret)) : undefined;
  if (moving.length > 0 && view.storesKnow && view.clientsMoved)
    return step("end", moving, (_name, secret) => ended(secret, view.now));
  return undefined;
}

function begun({ texts, keys }: RotatingSecret, request: string | undefined, make: (key: string) => string): Texts {
  const made = Object.fromEntries(keys.map((key) => [next(key), make(key)]));
  return { ...texts, ...made, ...(request === undefined ? {} : { [ROTATED_FOR]: request }) };
}

function moved({ texts, keys }: RotatingSecret): Texts {
  const taken = keys.flatMap((key) => [
    [key, texts[next(key)] ?? ""],
    [previous(key), texts[key] ?? ""],
  ]);
  return { ...without(texts, keys.map(next)), ...Object.fromEntries(taken) };
}

function ended({ texts, keys }: RotatingSecret, now: string): Texts {
  return { ...without(texts, keys.map(previous)), [ROTATED_AT]: now };
}

function without(texts: Texts, keys: readonly string[]): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => !keys.includes(key)));
}
