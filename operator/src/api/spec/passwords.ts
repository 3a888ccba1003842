import { type Static, Type } from "typebox";

/** The passwords that the operator makes. */
export const PasswordsSpec = Type.Object(
  {
    rotationDays: Type.Integer({
      format: "int32",
      minimum: 0,
      maximum: 3650,
      default: 0,
      description:
        "Days after which the passwords that the operator has made for Redis and Cassandra are replaced, without downtime. 0 is never by itself: " +
        "each new value of annotation `chatcluster.dev/rotate-passwords` has it done once.",
    }),
  },
  { default: {}, description: "How often the passwords that the operator makes are replaced." },
);

export type PasswordsSpec = Static<typeof PasswordsSpec>;
