import { type Static, Type } from "typebox";

/** How users' tokens are checked. */
export const AuthSpec = Type.Object(
  {
    secretName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description:
          "Secret of the same namespace whose key `jwt-secret` holds the HS256 key (32 bytes or more). Without it and jwksUrl, one is made.",
      }),
    ),
    jwksUrl: Type.Optional(
      Type.String({
        pattern: "^https?://.+",
        maxLength: 2048,
        description: "URL of the JSON Web Key Set (RFC 7517) of your identity provider, instead of a shared key.",
      }),
    ),
    issuer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: "The `iss` that tokens must carry; any when left out.",
      }),
    ),
    audience: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: "The `aud` that tokens must carry; any when left out.",
      }),
    ),
  },
  {
    default: {},
    description: "How users' tokens are checked: a shared key that is made for you, one of your own, or a key set.",
    "x-kubernetes-validations": [
      {
        rule: "!(has(self.secretName) && has(self.jwksUrl))",
        message: "spec.auth.secretName and spec.auth.jwksUrl exclude each other: tokens have one source of keys",
      },
    ],
  },
);

export type AuthSpec = Static<typeof AuthSpec>;
